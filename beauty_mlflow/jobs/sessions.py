"""A training's run together with the folder that lets it go on after an interruption."""

import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from beauty_mlflow.data.splits.manifest import Split, read_split, write_split
from beauty_mlflow.errors import CheckpointError, DataError, ParameterError
from beauty_mlflow.files import state_folder, write_text
from beauty_mlflow.jobs.opening import open_named, say_notes
from beauty_mlflow.jobs.parameters import to_text
from beauty_mlflow.jobs.training_parameters import TrainingParameters
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.runs import Run, made_by_mlflow
from beauty_mlflow.tracking.store import Store, connect

SESSION_FILE = "session.json"
SPLIT_FILE = "split.csv"


@dataclass(frozen=True)
class Session:
    """One training: its run, its parameters, its pictures, and where its state is kept."""

    store: Store
    run: Run
    parameters: TrainingParameters
    split: Split
    folder: Path
    command: str

    @property
    def data_name(self) -> str:
        """What the data is called in the tracker: its folder's name, or ``sample``."""
        return self.split.folder.name if self.parameters.data else "sample"


@contextmanager
def session(parameters: TrainingParameters, command: str) -> Iterator[Session]:
    """Open a new run, or the interrupted one that ``resume`` names; close it as the work ends.

    Raises:
        DataError, ManifestError: before any run is made.
        CheckpointError: the run to resume can't go on from here.
    """
    store = connect()
    say_notes(store.notes)
    opened = _resumed(store, parameters) if parameters.resume else _begun(store, parameters, command)
    with opened as current:
        yield current
    shutil.rmtree(current.folder)


@contextmanager
def _begun(store: Store, parameters: TrainingParameters, command: str) -> Iterator[Session]:
    split = open_named(parameters.data).split
    _require_parts(split, "train", "val")
    run = Run.open(store, name=f"{parameters.job} {parameters.network}")
    with tracked(run):
        folder = state_folder() / "runs" / run.run_id
        write_split(split, folder / SPLIT_FILE)
        _remember(folder, parameters, command)
        run.log_parameters(parameters.as_text())
        run.set_tags({names.STATE: f"{platform.node()}:{folder}"})
        yield Session(store, run, parameters, split, folder, command)


@contextmanager
def _resumed(store: Store, parameters: TrainingParameters) -> Iterator[Session]:
    run = Run.find(store, parameters.resume)
    with _made_by_mlflow(store, run):
        if run.status == "FINISHED":
            raise CheckpointError(f"Run {run.run_id} is finished: there is nothing to resume.")
        folder = state_folder() / "runs" / run.run_id
        known = _recall(folder, run)
        _require_same_job(parameters, known["job"], run.run_id)
        own = type(parameters).parse(known["parameters"])
        _require_no_other(parameters, own)
        split = read_split(folder / SPLIT_FILE)
        run.reopen()
        with tracked(run):
            _remember(folder, own, known["command"])
            yield Session(store, run, own, split, folder, known["command"])


@contextmanager
def _made_by_mlflow(store: Store, resumed: Run) -> Iterator[None]:
    """Let the run that `mlflow run` has made beside the resumed one point at it, and end as it does."""
    if not made_by_mlflow():
        yield
        return
    beside = Run.current(store)
    with tracked(beside, sample=False):
        beside.set_tags({names.RESUMED: resumed.run_id})
        yield


def _remember(folder: Path, parameters: TrainingParameters, command: str) -> None:
    process = psutil.Process()
    known = {
        "job": parameters.job,
        "parameters": parameters.as_text(),
        "command": command,
        "host": platform.node(),
        "process": [process.pid, process.create_time()],
    }
    write_text(folder / SESSION_FILE, json.dumps(known, indent=2))


def _recall(folder: Path, run: Run) -> Mapping[str, Any]:
    path = folder / SESSION_FILE
    if not path.is_file():
        where = run.tags.get(names.STATE, "an unknown place")
        raise CheckpointError(
            f"Run {run.run_id} can't go on here: {path} doesn't exist. Its state was kept at {where}; "
            "resume there, or set BEAUTY_STATE_DIR to where that folder is."
        )
    known: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    if known["host"] == platform.node() and known["process"][0] != os.getpid() and _alive(*known["process"]):
        raise CheckpointError(f"Run {run.run_id} is still at work, as process {known['process'][0]}; end that first.")
    return known


def _alive(pid: int, created: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - created) < 1
    except psutil.NoSuchProcess:
        return False


def _require_same_job(parameters: TrainingParameters, job: str, run_id: str) -> None:
    if job != parameters.job:
        raise ParameterError(
            f"Run {run_id} was made by {job}; resume it with: mlflow run . -e {job} -P resume={run_id}"
        )


def _require_no_other(given: TrainingParameters, own: TrainingParameters) -> None:
    different = [
        f"{name}={to_text(value)} (the run has {to_text(getattr(own, name))})"
        for name, value in given.changed().items()
        if name != "resume" and value != getattr(own, name)
    ]
    if different:
        raise ParameterError(
            f"A resumed run keeps its own parameters, but these were given: {', '.join(different)}. "
            "Leave them out, or start a new run."
        )


def _require_parts(split: Split, *parts: str) -> None:
    empty = [part for part in parts if not sum(split.counts[part].values())]
    if empty:
        raise DataError(f"{split.folder} has no {' and no '.join(empty)} pictures; training needs both train and val.")
