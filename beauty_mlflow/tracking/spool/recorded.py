"""A run whose changes are written down first, then sent by a thread: reading it gives what it will be."""

import tempfile
import threading
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from beauty_mlflow.errors import BeautyError, TrackingError, UnreachableError, WorkError
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.changes import OWN_MODEL, Batch, Change, LoggedModel
from beauty_mlflow.tracking.console import say
from beauty_mlflow.tracking.delivery import deliver
from beauty_mlflow.tracking.ending import ended_if_it_fails
from beauty_mlflow.tracking.launcher import project_run_id
from beauty_mlflow.tracking.redaction import redact
from beauty_mlflow.tracking.run_state import RunState
from beauty_mlflow.tracking.runs import Run, milliseconds
from beauty_mlflow.tracking.source import source_tags
from beauty_mlflow.tracking.spool.folder import Header, has_header, is_locked, spool_folder
from beauty_mlflow.tracking.spool.journal import Journal
from beauty_mlflow.tracking.spool.sender import Sender
from beauty_mlflow.tracking.store import Store
from beauty_mlflow.tracking.values import check_tags

EXPERIMENT_TO_COME = "experiment-of-"  # and the key of a run that the store doesn't know yet


class RecordedRun(Run):
    """A run that this process alone changes.

    No method but ``finish`` waits for the store. What the store refuses is raised by the next one. Every method raises
    WorkError where a change can't be written down.

    Args:
        run: The run in the store, or one of the same id that the store hasn't been asked for.
        state: What it holds.
        journal: Where its changes are written down.
        has_past: Whether the store may have figures of it that ``state`` lacks; histories and images that ``state``
            names aren't asked for.
    """

    def __init__(self, run: Run, state: RunState, journal: Journal, *, has_past: bool = False) -> None:
        super().__init__(run.store, run.run_id)
        self._in_store, self._state, self._journal, self._has_past = run, state, journal, has_past
        self._read = {*state.histories}, {*state.image_steps}  # from the store already, the journal's come on top
        self._lock = threading.RLock()
        self._is_told = False
        for change in journal.changes():
            self._state.take(change)
        self._sender: Sender | None = None
        if not self.store.is_offline:
            self._sender = Sender(
                lambda change, again: deliver(self.store.client, self.run_id, change, again=again),
                journal.mark_sent,
                where=f"tracking store {redact(self.store.uri)}",
                kept=str(journal.folder),
                waiting=journal.unsent(),
                overlaps=journal.header.overlaps,
            )
            self._sender.start()

    def state(self) -> RunState:
        """Return what the run will hold."""
        return self._state

    def metric_history(self, name: str) -> dict[int, float]:
        """Every value of a metric by its step, the steps in order; what the store has too, if it answers."""
        known, _ = self._read
        if name not in known and self._has_past and not self.store.is_offline:
            own = self._state.histories.get(name, {})
            self._state.histories[name] = {**self._in_store.metric_history(name), **own}
            known.add(name)
        return dict(sorted(self._state.histories.get(name, {}).items()))

    def image_steps(self, name: str) -> set[int]:
        """Return the steps at which images of that name are logged; in the store too, if it answers."""
        _, known = self._read
        if name not in known and self._has_past and not self.store.is_offline:
            own = self._state.image_steps.get(name, set())
            self._state.image_steps[name] = own | self._in_store.image_steps(name)
            known.add(name)
        return set(self._state.image_steps.get(name, ()))

    def model_id(self) -> str:
        """Return the id of the run's logged model, or what stands for it; empty where it has none."""
        if not self._state.model_id and not self.store.is_offline and self._has_past:
            try:
                self._state.model_id = self._in_store.model_id()
            except UnreachableError:
                return ""
        return self._state.model_id

    def log_model(self, package: Path, *, example: bytes) -> str:
        """Log the run's one model, as ``Run.log_model``; return what stands for its id."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "example"
            path.write_bytes(example)
            self._change(LoggedModel(path=package, example=path))
        return OWN_MODEL

    def finish(self, status: names.RunStatus, tags: Mapping[str, str] | None = None) -> None:
        """As ``Run.finish``; then wait until all has arrived, or say what hasn't since the store doesn't answer.

        Raises:
            TrackingError: The store refused something.
        """
        try:
            super().finish(status, tags)
        except WorkError:  # nothing can be written down any more
            try:
                if self._sender and not self._sender.close() and status != "FINISHED":  # it ends as FAILED then
                    self._in_store.finish(status, tags)
            finally:
                self._journal.close()
            raise
        unsent = self._sender.close() if self._sender else len(self._journal.unsent())
        if self._sender and self._sender.refusal:
            self._raise_refusal(self._sender.refusal)
        if unsent:
            self._journal.close()
            say(
                f"{unsent} changes of the run {self.run_id} are still to be sent; they are kept in "
                f"{self._journal.folder}. Once the tracking store answers, send them with: beauty sync"
            )
        else:
            self._journal.remove()

    def hurry(self) -> None:
        """Let ``finish`` leave what a silent store doesn't take to `beauty sync`."""
        if self._sender:
            self._sender.hurry()

    def _change(self, change: Change) -> None:
        with self._lock:
            if self._sender and self._sender.refusal:
                self._raise_refusal(self._sender.refusal)
                super()._change(change)  # the rest is the run's end, which the store may take even so
                return
            if change == Batch():
                return
            number, kept = self._journal.append(change)
            self._state.take(change)
            if self._sender:
                self._sender.put(number, kept)

    def _raise_refusal(self, refusal: BeautyError) -> None:
        """Raise what the store has refused, once."""
        if not self._is_told:
            self._is_told = True
            self._journal.close()
            raise TrackingError(
                f"{str(refusal).rstrip('.')}. What is unsent is kept in {self._journal.folder}; "
                "`beauty sync` tries it again."
            ) from refusal


def begin(store: Store, name: str, tags: Mapping[str, str] | None = None) -> RecordedRun:
    """Make a new run, or take the one that `mlflow run` has made for this process; nothing is asked offline.

    Raises:
        TrackingError: The store refuses or doesn't answer.
        WorkError: Nothing can be written down.
    """
    if not store.is_offline:
        made = Run.current(store) if project_run_id() and not tags else Run.create(store, name, tags)
        with ended_if_it_fails(made):  # on a full disk, say; nobody else would end the run
            has_past = bool(made.metrics())  # which a run that `mlflow run` has just made hasn't
            return record(made, has_past=has_past, looks_back=has_past)
    known = project_run_id()
    first = {} if known else check_tags({**source_tags(), **(tags or {})})
    header = Header(
        redact(store.uri),
        store.experiment,
        store.experiment_id,
        run_id=known,
        name=name,
        tags=first,
        start=milliseconds(),
    )
    return _offline(store, known or uuid.uuid4().hex, header)


def go_on(store: Store, run_id: str) -> RecordedRun:
    """Take up an existing run, with whatever an earlier process has left unsent; nothing is asked offline.

    Raises:
        TrackingError: There is none of that id, or the store doesn't answer, or lacks what the run logged offline.
        WorkError: Nothing can be written down, or another process is at it.
    """
    if store.is_offline:
        return _offline(store, run_id, Header(redact(store.uri), store.experiment, run_id=run_id))
    found = Run.find(store, run_id)
    key = found.tags.get(names.OFFLINE, found.run_id)
    if key != found.run_id and is_kept(key):
        raise TrackingError(
            f"Something that the run {found.run_id} logged offline isn't sent yet. Send it first: "
            f"beauty sync --run {key}"
        )
    return record(found, looks_back=True)


def _with_past(run: Run) -> RunState:
    """Return what a run holds, with all that a training asks for later, when the store may be silent."""
    state = run.state()
    for name in names.EPOCH_METRICS:
        state.histories[name] = run.metric_history(name) if name in state.metrics else {}
    state.image_steps[names.EPOCH_CONFUSIONS] = run.image_steps(names.EPOCH_CONFUSIONS)
    return state


def record(run: Run, *, has_past: bool = True, looks_back: bool = False) -> RecordedRun:
    """Write down and send what is done to a run from now on.

    Args:
        run: The run.
        has_past: Whether it holds something already.
        looks_back: Whether what a training asks for later is read now.
    """
    state = run.state()
    header = Header(redact(run.store.uri), run.store.experiment, state.experiment_id, run.run_id)
    journal = Journal(spool_folder() / run.run_id, header)
    try:  # with the journal's lock: whoever still sends what an earlier process has left would change what is read
        state = _with_past(run) if looks_back else state
    except BaseException:
        journal.close() if journal.unsent() else journal.remove()
        raise
    return RecordedRun(run, state, journal, has_past=has_past)


def is_kept(key: str) -> bool:
    """Return whether this machine has changes of a run, by what it was called as it began, that aren't sent yet."""
    return has_header(spool_folder() / key)


def is_at_work(run_id: str) -> bool:
    """Return whether a process of this machine records the run's changes."""
    folder = spool_folder() / run_id
    return folder.is_dir() and is_locked(folder)


def _offline(store: Store, key: str, header: Header) -> RecordedRun:
    journal = Journal(spool_folder() / key, header)
    if journal.header.run_id:
        journal.write_header(replace(journal.header, overlaps=True))
    state = RunState("RUNNING", journal.header.experiment_id or f"{EXPERIMENT_TO_COME}{key}", dict(journal.header.tags))
    return RecordedRun(Run(store, key), state, journal)
