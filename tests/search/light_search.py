"""What this room's tests and the processes that they start share: a sweep over x, its study, and its bookkeeping."""

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path

from beauty_mlflow.search.attempts import State, counted, why
from beauty_mlflow.search.executors.base import Outcome, Task
from beauty_mlflow.search.studies import open_study
from beauty_mlflow.search.sweep_file import Sweep

NAME = "a study"
SPACE = {"x": {"type": "float", "low": 0, "high": 1}}


def sweep_of(**changed):
    return Sweep(**{"trials": 4, "sampler": "random", "pruner": "none", "space": SPACE, **changed})


def open_for(storage, sweep):
    return open_study(storage, NAME, sweep, fingerprint="f", epochs=3, seed=0)


def task_of(number, values, continues):
    """Return a task that says everything it was made from."""
    return Task(number, {"values": dict(values), "continues": continues})


class InThread:
    """Runs a function of the task and the listener in the driver's own threads; it may look at ``stopped``."""

    def __init__(self, work=None, slots=1):
        self.slots = slots
        self.stopped = threading.Event()
        self.work = work or (lambda task, _: Outcome("complete", {"best_val_accuracy": task.content["values"]["x"]}))

    def run(self, task, listener, slot):
        del slot
        return Outcome("interrupted") if self.stopped.is_set() else self.work(task, listener)

    def stop(self):
        self.stopped.set()


@dataclass(frozen=True)
class Books:
    """Keeps what it is told: a line of JSON each, in a file that processes may share."""

    path: Path
    lock: threading.Lock = field(default_factory=threading.Lock)

    def started(self, trial, values):
        self._write("started", trial.number, dict(values))

    def finished(self, trial):
        self._write("finished", trial.number, trial.state.name if trial.state.name != "FAIL" else why(trial))

    def died(self, trial, *, again):
        self._write("died", trial.number, again)

    def told(self, kind):
        """Return what was told of this kind, as (number, what)."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [(number, what) for one, number, what in map(json.loads, lines) if one == kind]

    def _write(self, *told):
        with self.lock, self.path.open("a") as file:
            file.write(json.dumps(told) + "\n")


def require_accounted_for(study, trials, retries=2):
    """Require that a study, or a list of all its trials, has that many, and all deaths repeated as often as allowed."""
    found = study if isinstance(study, list) else study.get_trials()
    assert [trial for trial in found if not trial.state.is_finished()] == []
    assert len(counted(found)) == trials
    repeated = [trial.user_attrs["retry_of"] for trial in found if "retry_of" in trial.user_attrs]
    assert len(set(repeated)) == len(repeated)
    for trial in found:
        if trial.state == State.FAIL and "reason" not in trial.user_attrs and trial.number not in repeated:
            assert "interrupted" not in trial.user_attrs
            assert trial.user_attrs.get("retries", 0) + 1 > retries
