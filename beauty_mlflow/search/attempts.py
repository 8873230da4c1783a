"""What a trial's attributes say of its life: who works on it, why it failed, what it repeats.

A worker that dies leaves its trial RUNNING. On its own machine that is seen by its process; from elsewhere by the
heartbeat that stays away, where the storage has one. Either way the trial fails without a reason, which is how one
knows that it died, and its values are queued once more, as often as the sweep's ``retries`` allow.
"""

import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import optuna
import psutil

from beauty_mlflow.search.storages import GRACE, Storage

WORKER, RUN, REASON, PRUNED_AT = "worker", "run", "reason", "pruned_at"
RETRY_OF, RETRIES, RETRIED_RUN, INTERRUPTED = "retry_of", "retries", "retried_run", "interrupted"
EXACT = 0.01  # seconds by which a process's start may differ from what was written down

State = optuna.trial.TrialState


@dataclass(frozen=True)
class Worker:
    """A process of a machine.

    Attributes:
        host: The machine's name.
        process: Its number.
        started: When it started, in seconds since 1970; numbers are used again.
    """

    host: str
    process: int
    started: float

    @classmethod
    def this(cls) -> "Worker":
        """Return who asks."""
        process = psutil.Process()
        return cls(platform.node(), process.pid, process.create_time())

    @classmethod
    def of(cls, trial: Any) -> "Worker | None":  # noqa: ANN401 - Optuna's trial
        """Return who works, or worked, on a trial; none where that was never written down."""
        known = trial.user_attrs.get(WORKER)
        return cls(**known) if known else None

    def lives(self) -> bool:
        """Return whether the process is there, on this very machine."""
        try:
            return abs(psutil.Process(self.process).create_time() - self.started) < EXACT
        except psutil.NoSuchProcess:
            return False


def fail_dead(study: Any, storage: Storage) -> None:  # noqa: ANN401 - Optuna's study
    """Fail the trials whose worker has died; elsewhere than on this machine only a missing heartbeat tells."""
    host = platform.node()
    for trial in study.get_trials(deepcopy=False, states=[State.RUNNING]):
        worker = Worker.of(trial)
        if worker is None:
            begun = trial.datetime_start
            dead = begun is None or datetime.now() - begun > timedelta(seconds=GRACE)  # noqa: DTZ005 - as Optuna's
        else:
            dead = worker.host == host and not worker.lives()
        if dead:
            study.tell(trial.number, state=State.FAIL, skip_if_finished=True)
    if storage.heartbeat:
        optuna.storages.fail_stale_trials(study)


def died(trials: Iterable[Any]) -> list[Any]:
    """Return the trials that failed because their worker died or was interrupted, and that nothing repeats yet."""
    trials = list(trials)
    repeated = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    return [
        trial
        for trial in trials
        if trial.state == State.FAIL and REASON not in trial.user_attrs and trial.number not in repeated
    ]


def queue_again(study: Any, trial: Any, retries: int) -> bool:  # noqa: ANN401 - Optuna's
    """Queue the values of a trial that died once more; return whether that is still allowed.

    An interruption by the user doesn't count.
    """
    used = trial.user_attrs.get(RETRIES, 0) + (0 if INTERRUPTED in trial.user_attrs else 1)
    if used > retries or not trial.params:
        return False
    attributes = {RETRY_OF: trial.number, RETRIES: used}
    if RUN in trial.user_attrs:
        attributes[RETRIED_RUN] = trial.user_attrs[RUN]
    study.add_trial(
        optuna.trial.create_trial(
            state=State.WAITING, params=trial.params, distributions=trial.distributions, user_attrs=attributes
        )
    )
    return True


def run_to_go_on_with(trial: Any) -> str:  # noqa: ANN401 - Optuna's
    """Return the run of the trial that this one repeats; empty where it repeats none."""
    return str(trial.user_attrs.get(RETRIED_RUN, ""))


def counted(trials: Sequence[Any]) -> list[Any]:
    """Return the trials that count towards the sweep's number: all that ran or run, but those that are repeated."""
    repeated = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    return [trial for trial in trials if trial.state != State.WAITING and trial.number not in repeated]


def failures_in_a_row(trials: Iterable[Any], since: datetime) -> list[str]:
    """Return the reasons of the trials that failed one after the other, up to the last one that finished."""
    finished = sorted(
        (one for one in trials if one.state.is_finished() and one.datetime_complete and one.datetime_complete >= since),
        key=lambda one: one.datetime_complete,
        reverse=True,
    )
    reasons: list[str] = []
    for trial in finished:
        if trial.state != State.FAIL:
            break
        reasons.append(str(trial.user_attrs.get(REASON, "its worker died")))
    return reasons
