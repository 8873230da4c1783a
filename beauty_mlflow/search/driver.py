"""Works on a study until it has its trials: asks Optuna for values, has them tried, and tells what came of it.

Any number of drivers, on any machines, may work on one study. Whatever must not happen twice is done alone: noticing
the dead, counting, and taking the next trial.
"""

import concurrent.futures
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from optuna.exceptions import OptunaError, UpdateFinishedTrialError
from sqlalchemy.exc import SQLAlchemyError

from beauty_mlflow.errors import SearchError, StorageError
from beauty_mlflow.search import attempts
from beauty_mlflow.search.attempts import State, Worker
from beauty_mlflow.search.dimensions import Scalar
from beauty_mlflow.search.executors.base import Executor, Outcome, Task
from beauty_mlflow.search.space import draw
from beauty_mlflow.search.storages import HEARTBEAT, Storage
from beauty_mlflow.search.studies import is_among_the_best, total
from beauty_mlflow.search.sweep_file import Sweep

MOST_FAILURES = 10  # in a row
SIGNALS_MEET = 1.0  # seconds within which a signal to all our processes reaches each of them
_PAUSES = 0.1, 5.0  # seconds between two looks at a study that has nothing to do for us: at first, and at most
_PATIENTLY = 0.1  # a pause's part of the time that has been waited already
# what an epoch reports of the figure that a run has at its end
_EPOCH_METRICS = {"best_val_accuracy": "val_accuracy", "best_val_loss": "val_loss"}


class Bookkeeping(Protocol):
    """What is done with trials beyond the study; every method may be called by any thread."""

    def started(self, trial: Any, values: Mapping[str, Scalar]) -> None:  # noqa: ANN401 - Optuna's
        """A trial begins."""

    def finished(self, trial: Any) -> None:  # noqa: ANN401 - Optuna's
        """A trial has ended: well, pruned, or failed."""

    def died(self, trial: Any, *, again: bool) -> None:  # noqa: ANN401 - Optuna's
        """A trial's worker is gone; whether it is tried again.

        Called by one driver for each, after that is written down in the study; by none where that driver dies in
        between.
        """


@dataclass(frozen=True, eq=False)
class Driver:
    """Works on one study.

    Args:
        study: Optuna's.
        storage: Where it is kept.
        sweep: What is searched.
        executor: Runs the trials.
        task: From a trial's number, its values, and the run that it goes on with (or an empty text) to what is run.
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
            SearchError: Too many trials failed one after the other, or all of them; or the storage doesn't answer any
                more.
            StorageError: The storage can't tell whether a trial on another machine lives.
            KeyboardInterrupt, Interrupted: after what ran was ended and told.
        """
        with self.storage.answering():
            state = _State(before=frozenset(trial.number for trial in self._ended()))
            try:
                self._work_in_slots(state)
            except BaseException:
                with suppress(OptunaError, SQLAlchemyError, StorageError):  # as in _try
                    self._mend_alone()
                raise
            self._mend_alone()
            failure = state.failure or self._failure_of_all()
        if failure:
            raise SearchError(failure)

    def _work_in_slots(self, state: "_State") -> None:
        with ThreadPoolExecutor(self.executor.slots, thread_name_prefix="slot") as threads:
            try:
                slots = [threads.submit(self._work, slot, state) for slot in range(self.executor.slots)]
                state.complete.set()
                self._watch(slots, state)
            except BaseException:
                self._stop(state)
                raise
            finally:
                state.complete.set()

    def _watch(self, slots: Sequence[Future[None]], state: "_State") -> None:
        """Give signs of life until all slots are done, or one fails."""
        while concurrent.futures.wait(slots, self._heartbeat, concurrent.futures.FIRST_EXCEPTION).not_done:
            for slot in slots:
                if slot.done():
                    slot.result()
            for trial_id in list(state.running):
                self._signal(trial_id)
        for slot in slots:
            slot.result()

    def _work(self, slot: int, state: "_State") -> None:
        state.complete.wait()  # a thread that starts as a signal arrives may be lost to the pool: it does nothing
        while taken := self._take(state):
            self._try(taken, slot, state)

    def _take(self, state: "_State") -> "_Taken | None":
        """Wait for something to do, and take it; none where nothing more will come. One slot waits for all."""
        with state.turn:
            since = time.monotonic()
            while not state.stopped.is_set():
                trials = self.study.get_trials(deepcopy=False)
                if self._wants_more(trials, state) or self._needs_mending(trials, state):
                    taken = self._next(state)
                    if taken:
                        return taken
                elif not any(trial.state == State.RUNNING for trial in trials):
                    break
                shortest, longest = _PAUSES
                state.stopped.wait(min(max(shortest, (time.monotonic() - since) * _PATIENTLY), longest))
        return None

    def _wants_more(self, trials: Sequence[Any], state: "_State") -> bool:
        over = self.sweep.timeout and time.monotonic() - state.begun >= self.sweep.timeout
        return not over and len(attempts.counted(trials)) < total(self.sweep)

    def _needs_mending(self, trials: Sequence[Any], state: "_State") -> bool:
        """Return whether it is worth being alone: something died on this machine, or it is time to ask about others."""
        return (
            time.monotonic() - state.mended >= self._heartbeat
            or bool(attempts.dead(trials))
            or any(attempts.may_be_repeated(trial, self.sweep.retries) for trial in attempts.died(trials))
        )

    def _next(self, state: "_State") -> "_Taken | None":
        """Take the next trial with its values; none where the study has enough, or time is over."""
        self._mend_alone()
        state.mended = time.monotonic()
        with self._alone():
            if state.stopped.is_set() or not self._wants_more(self.study.get_trials(deepcopy=False), state):
                return None
            trial = self.study.ask()
            # a trial with a worker elsewhere whose heart never beat would never be missed
            if self.storage.heartbeat:
                self.storage.trials.record_heartbeat(trial._trial_id)  # noqa: SLF001 - heartbeats go by it
            trial.set_user_attr(attempts.WORKER, asdict(Worker.this()))
            state.running.add(trial._trial_id)  # noqa: SLF001 - as above
            return _Taken(trial, draw(trial, self.sweep.space))

    def _mend_alone(self) -> None:
        """Fail the trials of dead workers, queue what died once more, and tell of it when others may go on."""
        with self._alone():
            attempts.fail_dead(self.study, self.storage)
            deaths = attempts.repeat(self.study, self.sweep.retries)
        for death in deaths:
            self.books.died(death.trial, again=death.again)

    def _alone(self) -> AbstractContextManager[object]:
        return self.storage.alone_with(self.study.study_name)

    def _try(self, taken: "_Taken", slot: int, state: "_State") -> None:
        trial = taken.trial
        try:
            self.books.started(trial, taken.values)
            task = self.task(trial.number, taken.values, attempts.run_to_go_on_with(trial))
            outcome = self.executor.run(task, _Listener(self.study, trial, self.sweep), slot)
            if outcome.end == "interrupted" and not state.stopped.wait(SIGNALS_MEET):  # by somebody, not by our user
                outcome = Outcome("died", reason="its process was ended from outside")
            told = self._tell(trial, outcome)
        except BaseException:
            with suppress(OptunaError, SQLAlchemyError):  # maybe the very reason
                self._tell(trial, Outcome("interrupted"))
            raise
        finally:
            state.running.discard(trial._trial_id)  # noqa: SLF001 - as above
        if told is None:
            return
        if outcome.end not in ("died", "interrupted"):
            self.books.finished(told)
        self._count_failures(state)

    def _tell(self, trial: Any, outcome: Outcome) -> Any:  # noqa: ANN401 - Optuna's
        """Write a trial's end down and return it; None where somebody took us for dead, and the trial is theirs."""
        values, attributes = self._verdict(outcome)
        end = State.COMPLETE if values else State.PRUNED if outcome.end == "pruned" else State.FAIL
        with suppress(UpdateFinishedTrialError):
            for name, value in attributes.items():
                trial.set_user_attr(name, value)
            told = self.study.tell(trial, values, end, skip_if_finished=True)
            return told if told.state == end else None
        return None

    def _verdict(self, outcome: Outcome) -> tuple[list[float] | None, Mapping[str, Any]]:
        """Return the objectives' values, or why there are none."""
        if outcome.end == "complete":
            found = {name: outcome.metrics[name] for name in self.sweep.metrics if name in outcome.metrics}
            missing = [name for name in self.sweep.metrics if name not in found]
            if missing:
                has = ", ".join(sorted(outcome.metrics))
                return None, {attempts.REASON: f"the run has no figure {', '.join(missing)}; it has {has}"}
            wrong = [f"{name} is {value}" for name, value in found.items() if not math.isfinite(value)]
            if wrong:
                return None, {attempts.REASON: ", ".join(wrong)}
            return list(found.values()), {}
        reasons = {"failed": attempts.REASON, "died": attempts.DEATH}
        if outcome.end in reasons:
            return None, {reasons[outcome.end]: outcome.reason}
        return None, {attempts.INTERRUPTED: True} if outcome.end == "interrupted" else {}

    def _count_failures(self, state: "_State") -> None:
        """Stop where too many trials of the study, whoever ran them, failed since one came to something."""
        if state.stopped.is_set():
            return
        failed = attempts.failed_last([trial for trial in self._ended() if trial.number not in state.before])
        if len(failed) >= MOST_FAILURES:
            last = attempts.why(failed[-1])
            state.failure = f"{len(failed)} trials failed one after the other; the last one: {last}"
            self._stop(state)

    def _failure_of_all(self) -> str:
        """Return what there is to say where trials were run and none came to anything; else an empty text."""
        trials = attempts.counted(self.study.get_trials(deepcopy=False))
        if not trials or any(trial.state != State.FAIL for trial in trials):
            return ""
        last = attempts.why(attempts.by_end(trials)[-1])
        if len(trials) == 1:
            return f"The study's one trial failed: {last}"
        return f"All {len(trials)} trials of the study failed; the last one: {last}"

    def _ended(self) -> Sequence[Any]:
        """Return the trials that have ended, in the order in which they did."""
        trials = self.study.get_trials(deepcopy=False)
        return attempts.by_end(trial for trial in trials if trial.state.is_finished())

    def _stop(self, state: "_State") -> None:
        state.stopped.set()
        self.executor.stop()

    @property
    def _heartbeat(self) -> int:
        return self.storage.heartbeat or HEARTBEAT

    def _signal(self, trial_id: int) -> None:
        if self.storage.heartbeat:
            with suppress(OptunaError, SQLAlchemyError):  # the next one may come through
                self.storage.trials.record_heartbeat(trial_id)


@dataclass(frozen=True)
class _Taken:
    """A trial that is ours."""

    trial: Any
    values: Mapping[str, Scalar]


@dataclass(eq=False)
class _State:
    """What the slots of one driver share.

    ``before`` are the trials that had ended before it began: a restart after mending isn't told of their failures.
    """

    before: frozenset[int]
    begun: float = field(default_factory=time.monotonic)
    mended: float = -math.inf
    turn: threading.Lock = field(default_factory=threading.Lock)
    complete: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    running: set[int] = field(default_factory=set)
    failure: str = ""


@dataclass(frozen=True, eq=False)
class _Listener:
    """Hands a trial's figures to Optuna."""

    study: Any
    trial: Any
    sweep: Sweep

    def started(self, run: str) -> None:
        with suppress(UpdateFinishedTrialError):
            self.trial.set_user_attr(attempts.RUN, run)

    def epoch(self, number: int, metrics: Mapping[str, float]) -> bool:
        name = _EPOCH_METRICS.get(self.sweep.metrics[0], self.sweep.metrics[0])
        if len(self.sweep.metrics) > 1 or name not in metrics:
            return not self._is_lost()
        try:
            self.trial.report(metrics[name], number)
            if not self.trial.should_prune():
                return True
            self.trial.set_user_attr(attempts.PRUNED_AT, number)
        except UpdateFinishedTrialError:  # somebody took us for dead, and repeats it
            return False
        return False

    def keeps_model(self, metrics: Mapping[str, float]) -> bool:
        values = [metrics[name] for name in self.sweep.metrics if name in metrics]
        return len(values) == len(self.sweep.metrics) and is_among_the_best(self.study, values)

    def _is_lost(self) -> bool:
        known = self.study.get_trials(deepcopy=False)[self.trial.number]
        return bool(known.state.is_finished())
