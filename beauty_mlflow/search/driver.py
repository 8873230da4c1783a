"""Works on a study until it has its trials: asks Optuna for values, has them tried, and tells what came of it.

Any number of drivers, on any machines, may work on one study. Whatever must not happen twice is done alone: noticing
the dead, counting, and taking the next trial.
"""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

import optuna

from beauty_mlflow.errors import Interrupted, SearchError
from beauty_mlflow.search import attempts
from beauty_mlflow.search.attempts import State, Worker
from beauty_mlflow.search.executors.base import Executor, Outcome, Task
from beauty_mlflow.search.space import Scalar, draw
from beauty_mlflow.search.storages import HEARTBEAT, Storage
from beauty_mlflow.search.studies import is_among_the_best, total
from beauty_mlflow.search.sweep_file import Sweep

MOST_FAILURES = 10  # in a row
_PAUSE = 0.5  # seconds between two looks at a study that has nothing to do for us
# what an epoch reports of the figure that a run has at its end
_EPOCH_METRICS = {"best_val_accuracy": "val_accuracy", "best_val_loss": "val_loss"}


class Bookkeeping(Protocol):
    """What is done with trials beyond the study; every method may be called by any thread."""

    def started(self, trial: Any, values: Mapping[str, Scalar]) -> None:  # noqa: ANN401 - Optuna's
        """A trial begins."""

    def finished(self, trial: Any) -> None:  # noqa: ANN401 - Optuna's
        """A trial has ended: well, pruned, or failed."""

    def died(self, trial: Any, *, again: bool) -> None:  # noqa: ANN401 - Optuna's
        """A trial's worker is gone; whether it is tried again. Called by one driver for each."""


@dataclass(frozen=True, eq=False)
class Driver:
    """Works on one study.

    Args:
        study: Optuna's.
        storage: Where it is kept.
        sweep: What is searched.
        executor: Runs the trials.
        task: From a trial's number, its values, its place among the slots and the run that it goes on with (or an empty
            text) to what is run.
        books: Told of every trial.
    """

    study: Any
    storage: Storage
    sweep: Sweep
    executor: Executor
    task: Callable[[int, Mapping[str, Scalar], str], Task]
    books: Bookkeeping

    def run(self) -> None:
        """Return as the study has its trials and none is running any more, or no further one may start.

        Raises:
            SearchError: Too many trials failed one after the other.
            KeyboardInterrupt, Interrupted: after what ran was ended and told.
        """
        state = _State()
        with ThreadPoolExecutor(self.executor.slots, thread_name_prefix="slot") as threads:
            slots = [threads.submit(self._work, slot, state) for slot in range(self.executor.slots)]
            try:
                self._watch(slots, state)
            except (KeyboardInterrupt, Interrupted):
                state.stopped.set()
                self.executor.stop()
                raise
            finally:
                state.stopped.set()
                for slot in slots:
                    slot.exception()
        with self.storage.alone():
            self._mend(state)
        for slot in slots:
            slot.result()
        if state.failure:
            raise SearchError(state.failure)

    def _watch(self, slots: list[Any], state: "_State") -> None:
        """Give signs of life until all slots are done."""
        signalled = 0.0
        while not all(slot.done() for slot in slots):
            if any(slot.done() and slot.exception() for slot in slots):
                state.stopped.set()
                self.executor.stop()
            if time.monotonic() - signalled >= HEARTBEAT:
                signalled = time.monotonic()
                for trial_id in list(state.running):
                    self._signal(trial_id)
            time.sleep(0.1)

    def _work(self, slot: int, state: "_State") -> None:
        while not state.stopped.is_set():
            trial, values = self._next(state)
            if trial is None:
                if not self._others_run(state):
                    return
                state.stopped.wait(_PAUSE)
                continue
            state.running.add(trial._trial_id)  # noqa: SLF001 - heartbeats go by it
            try:
                self._try(trial, values, slot, state)
            finally:
                state.running.discard(trial._trial_id)  # noqa: SLF001 - as above

    def _next(self, state: "_State") -> tuple[Any, Mapping[str, Scalar]]:
        """Take the next trial with its values; none where the study has enough, or time is over."""
        with self.storage.alone():
            self._mend(state)
            over = self.sweep.timeout and time.monotonic() - state.begun >= self.sweep.timeout
            if over or state.stopped.is_set() or len(attempts.counted(self._trials())) >= total(self.sweep):
                return None, {}
            trial = self.study.ask()
            trial.set_user_attr(attempts.WORKER, asdict(Worker.this()))
            self._signal(trial._trial_id)  # noqa: SLF001 - as above
            return trial, draw(trial, self.sweep.space)

    def _mend(self, state: "_State") -> None:
        """Fail the trials of dead workers, and queue what died once more."""
        attempts.fail_dead(self.study, self.storage)
        for trial in attempts.died(self._trials()):
            if trial.number not in state.given_up:
                again = attempts.queue_again(self.study, trial, self.sweep.retries)
                if not again:
                    state.given_up.add(trial.number)
                self.books.died(trial, again=again)

    def _others_run(self, state: "_State") -> bool:
        running = self.study.get_trials(deepcopy=False, states=[State.RUNNING])
        over = self.sweep.timeout and time.monotonic() - state.begun >= self.sweep.timeout
        waiting = not over and self._waiting_count() and len(attempts.counted(self._trials())) < total(self.sweep)
        return bool(running or waiting)

    def _waiting_count(self) -> int:
        return len(self.study.get_trials(deepcopy=False, states=[State.WAITING]))

    def _try(self, trial: Any, values: Mapping[str, Scalar], slot: int, state: "_State") -> None:  # noqa: ANN401 - Optuna's
        known = self.study.get_trials(deepcopy=False)[trial.number]
        task = self.task(trial.number, values, attempts.run_to_go_on_with(known))
        self.books.started(trial, values)
        outcome = self.executor.run(task, _Listener(self.study, trial, self.sweep), slot)
        self._tell(trial, outcome)
        finished = self.study.get_trials(deepcopy=False)[trial.number]
        if outcome.end in ("complete", "pruned", "failed"):
            self.books.finished(finished)
        reasons = attempts.failures_in_a_row(self._trials(), state.since)
        if len(reasons) >= MOST_FAILURES and not state.stopped.is_set():
            state.failure = f"{len(reasons)} trials failed one after the other; the last one: {reasons[0]}"
            state.stopped.set()
            self.executor.stop()

    def _tell(self, trial: Any, outcome: Outcome) -> None:  # noqa: ANN401 - Optuna's
        end, reason = outcome.end, outcome.reason
        if end == "complete":
            values = [outcome.metrics.get(metric) for metric in self.sweep.metrics]
            missing = [name for name, value in zip(self.sweep.metrics, values, strict=True) if value is None]
            if not missing:
                self.study.tell(trial, values, skip_if_finished=True)
                return
            end, reason = (
                "failed",
                f"the run has no figure {', '.join(missing)}; it has {', '.join(sorted(outcome.metrics))}",
            )
        if end == "pruned":
            self.study.tell(trial, state=State.PRUNED, skip_if_finished=True)
            return
        try:
            if end == "failed":
                trial.set_user_attr(attempts.REASON, reason)
            elif end == "interrupted":
                trial.set_user_attr(attempts.INTERRUPTED, value=True)
        except optuna.exceptions.UpdateFinishedTrialError:  # another machine took us for dead
            return
        self.study.tell(trial, state=State.FAIL, skip_if_finished=True)

    def _trials(self) -> list[Any]:
        return list(self.study.get_trials(deepcopy=False))

    def _signal(self, trial_id: int) -> None:
        if self.storage.heartbeat:
            self.storage.trials.record_heartbeat(trial_id)


class _State:
    """What the slots of one driver share."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.since = datetime.now()  # noqa: DTZ005 - Optuna's times have no zone
        self.stopped = threading.Event()
        self.running: set[int] = set()
        self.given_up: set[int] = set()
        self.failure = ""


@dataclass(frozen=True, eq=False)
class _Listener:
    """Hands a trial's figures to Optuna."""

    study: Any
    trial: Any
    sweep: Sweep

    def started(self, run: str) -> None:
        with suppress(optuna.exceptions.UpdateFinishedTrialError):
            self.trial.set_user_attr(attempts.RUN, run)

    def epoch(self, number: int, metrics: Mapping[str, float]) -> bool:
        name = _EPOCH_METRICS.get(self.sweep.metrics[0], self.sweep.metrics[0])
        if len(self.sweep.metrics) > 1 or name not in metrics:
            return True
        try:
            self.trial.report(metrics[name], number)
            if not self.trial.should_prune():
                return True
            self.trial.set_user_attr(attempts.PRUNED_AT, number)
        except optuna.exceptions.UpdateFinishedTrialError:  # another machine took us for dead, and repeats it
            return False
        return False

    def keeps_model(self, metrics: Mapping[str, float]) -> bool:
        values = [metrics[name] for name in self.sweep.metrics if name in metrics]
        return len(values) == len(self.sweep.metrics) and is_among_the_best(self.study, values)
