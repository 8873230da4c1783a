"""What a sweep's parent run and the console are told of each trial."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import click

from beauty_mlflow.data.wording import printable
from beauty_mlflow.errors import BeautyError
from beauty_mlflow.search import attempts
from beauty_mlflow.search.attempts import State
from beauty_mlflow.search.dimensions import Scalar
from beauty_mlflow.search.studies import ranked
from beauty_mlflow.search.sweep_file import Sweep
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.finding import child_runs
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store

PROGRESS = {names.TRIALS_DONE: State.COMPLETE, names.TRIALS_PRUNED: State.PRUNED, names.TRIALS_FAILED: State.FAIL}


@dataclass(frozen=True, eq=False)
class Books:
    """The search's bookkeeping in the tracker and on the console. A tracker that doesn't answer ends no search."""

    store: Store
    study: Any
    run: Run
    sweep: Sweep
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def started(self, trial: Any, values: Mapping[str, Scalar]) -> None:  # noqa: ANN401 - Optuna's
        """Say what a trial tries."""
        say(f"trial {trial.number}: {in_words(values)}")

    def finished(self, trial: Any) -> None:  # noqa: ANN401 - Optuna's
        """Say how it ended, and log the sweep's progress at the number of trials that have ended."""
        say(f"trial {trial.number}: {self._end(trial)}")
        self.log_progress()

    def died(self, trial: Any, *, again: bool) -> None:  # noqa: ANN401 - Optuna's
        """Close the trial's run, whatever became of its process."""
        then = "is tried again" if again else "is not tried again"
        reason = attempts.why(trial)
        say(f"trial {trial.number}: {reason}; it {then}")
        with tolerant():
            self._close(trial, f"{reason}; it {then}")
        self.log_progress()

    def close_dead(self) -> None:
        """Close the runs of trials that have ended, where that couldn't be done as they died."""
        for trial in self.study.get_trials(deepcopy=False, states=[State.FAIL]):
            if attempts.RUN in trial.user_attrs:
                with tolerant():
                    self._close(trial, attempts.why(trial))

    def log_progress(self) -> None:
        """Log how many trials have ended, how, and the best value so far."""
        with self._lock, tolerant():
            trials = attempts.counted(self.study.get_trials(deepcopy=False))
            figures = {name: float(sum(one.state == state for one in trials)) for name, state in PROGRESS.items()}
            best = ranked(self.study)
            if best:
                figures[names.BEST_VALUE] = best[0].values[0]
            self.run.log_epoch(int(sum(one.state.is_finished() for one in trials)), figures)

    def _close(self, trial: Any, reason: str) -> None:  # noqa: ANN401 - Optuna's
        """Close the run of a trial that died; one that its process still closed, when it was told to end, as well."""
        interrupted = attempts.INTERRUPTED in trial.user_attrs
        for run in child_runs(self.store, self.run, {names.TRIAL_NUMBER: str(trial.number)}):
            if run.status == "RUNNING" or (run.status == "KILLED" and not interrupted):
                run.finish("FAILED", {names.ERROR: reason, names.TRIAL_STATE: "FAIL"})

    def _end(self, trial: Any) -> str:  # noqa: ANN401 - Optuna's
        if trial.state == State.PRUNED:
            return attempts.why(trial)
        if trial.state == State.FAIL:
            return f"failed: {attempts.why(trial)}"
        figures = ", ".join(f"{name} {value:.4g}" for name, value in zip(self.sweep.metrics, trial.values, strict=True))
        best = ranked(self.study)[0]
        return f"{figures} (best: {best.values[0]:.4g}, trial {best.number})"


@contextmanager
def tolerant() -> Iterator[None]:
    """Say what the tracker refused, and go on."""
    try:
        yield
    except BeautyError as error:
        say(f"WARNING: {error}")


def in_words(values: Mapping[str, Scalar]) -> str:
    """Return values as one reads them, rounded to three figures."""
    return ", ".join(
        f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items()
    )


def say(sentence: str) -> None:
    """Print a sentence of the sweep's on stderr; what a trial or a store said may be in it."""
    click.echo(printable(sentence), err=True)
