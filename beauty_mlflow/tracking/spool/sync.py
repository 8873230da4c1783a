"""Sending what processes that have ended left unsent."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from beauty_mlflow.errors import WorkError
from beauty_mlflow.temporary import bytes_below
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.changes import Batch, Change
from beauty_mlflow.tracking.delivery import deliver
from beauty_mlflow.tracking.experiments import introduce
from beauty_mlflow.tracking.failures import translated
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.searches import begun_offline
from beauty_mlflow.tracking.spool.folder import (
    Header,
    count_unsent,
    has_header,
    is_locked,
    read_header,
    spool_folder,
)
from beauty_mlflow.tracking.spool.journal import Journal
from beauty_mlflow.tracking.spool.recorded import EXPERIMENT_TO_COME
from beauty_mlflow.tracking.store import Store, connect

_YOUNG_SECONDS = 2.0  # in which a folder may be there whose process hasn't locked it yet


@dataclass(frozen=True)
class Unsent:
    """A spool with something to send.

    Attributes:
        folder: Where it is.
        run_id: The run's id; of one that the store doesn't have yet, what stands for it.
        destination: The store, without credentials.
        experiment: The name of the run's experiment.
        changes: How many are unsent.
        bytes: What they take.
        alive: Whether a process is at work on the run, and will send them itself.
        problem: Why it can't be read; empty where it can. Its run is then called after its folder.
    """

    folder: Path
    run_id: str
    destination: str
    experiment: str
    changes: int
    bytes: int
    alive: bool
    problem: str = ""


def unsent_spools() -> list[Unsent]:
    """Return every spool of this user, by name; one that is being made or removed at this moment is none."""
    seen = [spool for spool in map(_look_at, _folders()) if spool]
    return [spool for spool in seen if has_header(spool.folder)]  # else its process has sent all and removed it


def unbegun_spools() -> list[Path]:
    """Return the folders of spools whose process died before there was anything in them."""
    young = time.time() - _YOUNG_SECONDS
    return [
        folder
        for folder in _folders()
        if not has_header(folder) and folder.stat().st_mtime < young and not is_locked(folder)
    ]


def send(store: Store, spool: Unsent, step: Callable[[], object]) -> tuple[str, str]:
    """Send everything that a spool holds, then remove it; one that broke off is gone on with.

    Args:
        store: The spool's destination.
        spool: What to send.
        step: Called after each change.

    Returns:
        The run's id in the store, and the status that it has there now.

    Raises:
        UnreachableError: The store doesn't answer any more; what has arrived isn't sent again.
        TrackingError: The store refuses something.
        WorkError: A process is at work on the run, or a file can't be read.
    """
    journal = Journal(spool.folder)
    try:
        run_id = _run_of(store, journal)
        again = True  # of an earlier try's changes, the first unsent one may have arrived
        for number, change in journal.unsent():
            deliver(store.client, run_id, _named(change, journal, run_id), again=again)
            again = journal.header.overlaps
            journal.mark_sent(number)
            step()
        with translated(f"read the run {run_id}"):
            status = str(store.client.get_run(run_id).info.status)
    except BaseException:
        journal.close()
        raise
    journal.remove()
    return run_id, status


def _folders() -> list[Path]:
    root = spool_folder()
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _look_at(folder: Path) -> Unsent | None:
    try:
        if not has_header(folder):
            return None
        header = read_header(folder)
        changes, size = count_unsent(folder)
    except FileNotFoundError:
        return None
    except WorkError as error:
        size, alive = bytes_below(folder), is_locked(folder)
        return Unsent(folder, folder.name, "", "", 0, size, alive, problem=str(error))
    run_id, alive = header.run_id or folder.name, is_locked(folder)
    return Unsent(folder, run_id, header.destination, header.experiment, changes, size, alive)


def _run_of(store: Store, journal: Journal) -> str:
    """Return the id of the spool's run, which is made, once, where the store doesn't have it."""
    header = journal.header
    if header.run_id:
        return Run.find(store, header.run_id).run_id
    with translated(f"make a run in the {store.describe()}"):
        experiment = header.experiment_id or _experiment_of(store, header)
        made = begun_offline(store.client, journal.key, [experiment])
        if made is None:
            introduce(replace(store, experiment_id=experiment))
            tags = {**header.tags, names.OFFLINE: journal.key}
            made = store.client.create_run(experiment, header.start, tags=tags, run_name=header.name)
    found = replace(header, run_id=str(made.info.run_id), experiment_id=str(made.info.experiment_id))
    journal.write_header(found)
    return found.run_id


def _experiment_of(store: Store, header: Header) -> str:
    if header.experiment == store.experiment:
        return store.experiment_id
    return connect(experiment=header.experiment, uri=store.uri).experiment_id


def _named(change: Change, journal: Journal, run_id: str) -> Change:
    """Return the change with links that lead to the run, whose address wasn't known as it was described."""
    if not isinstance(change, Batch) or names.DESCRIPTION not in change.tags:
        return change
    text = change.tags[names.DESCRIPTION].replace(f"{EXPERIMENT_TO_COME}{journal.key}", journal.header.experiment_id)
    tags = {**change.tags, names.DESCRIPTION: text.replace(journal.key, run_id)}
    return change.model_copy(update={"tags": tags})
