"""A training's run together with the folder that lets it go on after an interruption."""

import fcntl
import gc
import json
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from beauty_mlflow.data.splits.manifest import Split, read_split, write_split
from beauty_mlflow.data.splits.thinning import thin_split
from beauty_mlflow.errors import BeautyError, CheckpointError, DataError, MissingError, ParameterError
from beauty_mlflow.files import state_folder, write_text
from beauty_mlflow.jobs.following import NOBODY, Follower
from beauty_mlflow.jobs.opening import open_named, say_notes
from beauty_mlflow.jobs.parameters import Summary, to_text
from beauty_mlflow.jobs.sudden_ends import noted
from beauty_mlflow.jobs.training_parameters import TrainingParameters
from beauty_mlflow.locks import try_lock
from beauty_mlflow.progress import console_progress
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.launcher import project_run_id
from beauty_mlflow.tracking.redaction import redact
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.spool.recorded import begin, go_on, is_kept, record
from beauty_mlflow.tracking.store import Store, connect, offline_store

SESSION_FILE = "session.json"
SPLIT_FILE = "split.csv"
LOCK_FILE = "lock"
_OF_THE_MACHINE = frozenset({"cache_gb"})  # parameters that a run may be given anew as it is resumed


@dataclass(frozen=True)
class Wanted:
    """What a session is asked to do; kept beside its state, so that a resumed run does the same."""

    parameters: TrainingParameters
    command: str
    then_evaluate: tuple[str, ...]

    def remember(self, folder: Path, store: Store) -> None:
        """Write it into the session's folder, and which store the run is in."""
        known = {
            "job": self.parameters.job,
            "parameters": self.parameters.as_text(),
            "command": self.command,
            "then_evaluate": self.then_evaluate,
            "store": redact(store.uri),
        }
        write_text(folder / SESSION_FILE, json.dumps(known, indent=2))


@dataclass(frozen=True)
class Session:
    """One training: its run, what it is asked to do, its pictures, and where its state is kept."""

    store: Store
    run: Run
    wanted: Wanted
    split: Split
    folder: Path
    follower: Follower = NOBODY

    @property
    def parameters(self) -> TrainingParameters:
        """The training's parameters."""
        return self.wanted.parameters

    @property
    def data_name(self) -> str:
        """What the data is called in the tracker: its folder's name, or ``sample``."""
        return self.split.folder.name if self.parameters.data else "sample"


def in_session(
    parameters: TrainingParameters,
    command: str,
    work: Callable[[Session], Summary],
    *,
    then_evaluate: tuple[str, ...] = (),
    follower: Follower = NOBODY,
) -> Summary:
    """Do the work in a new run, or in the interrupted one that ``resume`` names, which ends as the work does.

    Args:
        parameters: The training's.
        command: What does the same again.
        work: Gets the open session and returns its summary.
        then_evaluate: Parts to evaluate after the training; a resumed run keeps its own.
        follower: Who follows a new run.

    Raises:
        DataError, ManifestError: before any run is made.
        PrunedError: the follower has ended it; its state is gone then, as that of a followed one which failed.
        CheckpointError: the run to resume can't go on from here.
    """
    gc.collect()  # networks of an earlier run in this process lie in cycles, and aren't small
    store = offline_store() if parameters.offline else connect()
    say_notes(store.run_notes)
    wanted = Wanted(parameters, command, then_evaluate)
    opened = _resumed(store, parameters) if parameters.resume else _begun(store, wanted, follower)
    with opened as current:
        try:
            summary = work(current)
        except Exception:
            if current.follower is not NOBODY:  # which doesn't try the same again
                _forget(current)
            raise
        current.run.remove_tag(names.STATE)
    _remove_finished(current.folder)
    return [*summary, ("run_id", current.run.run_id)]


def state_of(run_id: str) -> Path:
    """Return the folder for what a run needs to go on; it is there as long as the run is unfinished."""
    return states_folder() / run_id


def states_folder() -> Path:
    """Return the folder that holds one for each of this user's unfinished runs."""
    return state_folder() / "runs"


@contextmanager
def _begun(store: Store, wanted: Wanted, follower: Follower) -> Iterator[Session]:
    parameters = wanted.parameters
    opened = open_named(parameters.data, check_pictures=not follower.has_checked, cache_gb=parameters.cache_gb)
    split = _thinned(opened.split, parameters)
    _require_parts(split, "train", "val", *wanted.then_evaluate)
    run = begin(store, follower.name or f"{parameters.job} {parameters.network}", follower.tags)
    with tracked(run):
        follower.started(run.run_id)
        folder = state_of(run.run_id)
        if follower.continues:
            _adopt(state_of(follower.continues), folder)
        write_split(split, folder / SPLIT_FILE)
        wanted.remember(folder, store)
        say_notes([f"this is run {run.run_id}; interrupted, it goes on with: {_resume_command(parameters.job, run)}"])
        run.log_parameters(parameters.as_text())
        run.set_tags({names.STATE: f"{platform.node()}:{folder}"})
        with _only_one(folder, run):
            yield Session(store, run, wanted, split, folder, follower)


@contextmanager
def _resumed(store: Store, parameters: TrainingParameters) -> Iterator[Session]:
    known = Run(store, parameters.resume) if store.is_offline else _find(store, parameters.resume)
    with beside_mlflows_own(store, known):
        if not store.is_offline and known.status == "FINISHED":
            raise CheckpointError(f"Run {known.run_id} is finished: there is nothing to resume.")
        folder = _state_of_resumed(known, parameters.resume)
        own = _recall(folder, known, type(parameters))
        _require_no_other(parameters, own.parameters)
        own = _with_this_machines(own, parameters)
        with _only_one(folder, known):
            split = read_split(folder / SPLIT_FILE, cache_gb=own.parameters.cache_gb, progress=console_progress)
            run = go_on(store, parameters.resume)
            with tracked(run):
                run.reopen()
                yield Session(store, run, own, split, folder)


def _find(store: Store, run_id: str) -> Run:
    try:
        return Run.find(store, run_id)
    except MissingError as error:
        if not is_kept(run_id):
            raise
        raise MissingError(
            f"{str(error).rstrip('.')}. It began offline and isn't sent yet: send it (beauty sync --run {run_id}), or "
            "resume it offline."
        ) from None


def _state_of_resumed(run: Run, called: str) -> Path:
    """Return the folder of a run's state, which is named after what the run was called as it began."""
    if state_of(called).is_dir() or run.store.is_offline:
        return state_of(called)
    begun_offline = run.tags.get(names.OFFLINE)
    return state_of(begun_offline or run.run_id)


@contextmanager
def beside_mlflows_own(store: Store, resumed: Run) -> Iterator[None]:
    """Let the run that `mlflow run` has made beside the resumed one point at it, and end as it does."""
    if not project_run_id() or store.is_offline:
        yield
        return
    beside = record(Run.current(store))
    with tracked(beside, sample=False):
        beside.set_tags({names.RESUMED: resumed.run_id})
        yield


def _recall(folder: Path, run: Run, expected: type[TrainingParameters]) -> Wanted:
    path = folder / SESSION_FILE
    if not path.is_file():
        where = "an unknown place" if run.store.is_offline else run.tags.get(names.STATE, "an unknown place")
        raise CheckpointError(
            f"Run {run.run_id} can't go on here: {path} doesn't exist. Its state was kept at {where}; "
            "resume there, or set BEAUTY_STATE_DIR to where that folder is."
        )
    known: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    if known["job"] != expected.job:
        raise ParameterError(
            f"Run {run.run_id} was made by {known['job']}; resume it with: {_resume_command(known['job'], run)}"
        )
    parameters = expected.parse(known["parameters"], recalled=True)
    return Wanted(parameters, known["command"], tuple(known["then_evaluate"]))


@contextmanager
def _only_one(folder: Path, run: Run) -> Iterator[None]:
    """Keep another process from working on the same state; the lock ends with the process, however that ends."""
    lock = try_lock(folder / LOCK_FILE, exclusive=True)
    if lock is None:
        raise CheckpointError(f"Run {run.run_id} is still at work in another process; end that first.")
    try:
        with noted(folder):
            yield
    finally:
        lock.release()


def _adopt(before: Path, folder: Path) -> None:
    """Move what a dead run had come to into another run's folder, if it is on this machine."""
    if not before.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (before / LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a process that lost its search takes some seconds to end
        if not before.is_dir():  # and takes its state along
            return
        for path in before.iterdir():
            if path.name not in {SESSION_FILE, SPLIT_FILE, LOCK_FILE}:
                path.replace(folder / path.name)
    shutil.rmtree(before)


def _remove_finished(folder: Path) -> None:
    """Remove the state of a run that is finished, and stays so; `beauty doctor --fix` may be doing the same."""
    try:
        shutil.rmtree(folder)
    except OSError as error:
        if folder.exists():
            say_notes([f"WARNING: {folder} couldn't be removed ({error}); nobody needs it: beauty doctor --fix"])


def _forget(current: Session) -> None:
    """Remove the state of a run that nobody goes on with."""
    shutil.rmtree(current.folder, ignore_errors=True)  # its lock is held, which some file systems mind
    with suppress(BeautyError):  # another error is on its way already
        current.run.remove_tag(names.STATE)


def _resume_command(job: str, run: Run) -> str:
    if run.store.is_offline:
        return f"beauty {job} --resume {run.run_id} --offline"
    return f"mlflow run . -e {job} -P resume={run.run_id}"


def _require_no_other(given: TrainingParameters, own: TrainingParameters) -> None:
    different = [
        f"{name}={to_text(value)} (the run has {to_text(getattr(own, name))})"
        for name, value in given.changed().items()
        if name not in {"resume", "offline", *_OF_THE_MACHINE} and value != getattr(own, name)
    ]
    if different:
        raise ParameterError(
            f"A resumed run keeps its own parameters, but these were given: {', '.join(different)}. "
            "Leave them out, or start a new run."
        )


def _with_this_machines(own: Wanted, given: TrainingParameters) -> Wanted:
    """Return a resumed run's wishes with what is the machine's and not the run's, where it was given anew."""
    anew = {name: value for name, value in given.changed().items() if name in _OF_THE_MACHINE}
    return replace(own, parameters=own.parameters.model_copy(update=anew))


def _thinned(split: Split, parameters: TrainingParameters) -> Split:
    thin = thin_split(split, parameters.fraction, parameters.seed)
    if thin is not split:
        sizes = f"{thin.sizes['train']} of {split.sizes['train']}"
        say_notes([f"{sizes} training pictures (fraction={parameters.fraction})"])
    return thin


def _require_parts(split: Split, *parts: str) -> None:
    empty = [part for part in parts if not split.sizes[part]]
    if empty:
        raise DataError(f"{split.folder} has no {' and no '.join(empty)} pictures; this job needs them.")
