"""What a trial's attributes say of its life: who works on it, why it failed, what it repeats.

A worker that dies leaves its trial RUNNING. On its own machine that is seen by its process; from elsewhere by the
heartbeat that stays away, where the storage has one. Either way the trial fails without a reason, which is how one
knows that it died, and its values are queued once more, as often as the sweep's ``retries`` allow.
"""

import itertools
import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import optuna

from beauty_mlflow.errors import StorageError
from beauty_mlflow.processes import Process, this_host
from beauty_mlflow.search.storages import Storage

WORKER, RUN, REASON, PRUNED_AT = "worker", "run", "reason", "pruned_at"
RETRY_OF, RETRIES, RETRIED_RUN = "retry_of", "retries", "retried_run"
INTERRUPTED = "interrupted"
DEATH = "death"  # what is known of how a trial's process died
GIVEN_UP = "given_up"  # the study's: the trials that died and were not repeated
_FIXED = "fixed_params"  # Optuna's: what a trial was queued with

State = optuna.trial.TrialState


@dataclass(frozen=True)
class Death:
    """A trial whose worker has died, and whether it is tried again."""

    trial: Any
    again: bool


@dataclass(frozen=True)
class Worker(Process):
    """The process that works on a trial."""

    @classmethod
    def of(cls, trial: Any) -> "Worker | None":  # noqa: ANN401 - Optuna's trial
        """Return who works, or worked, on a trial; none where that was never written down."""
        known = trial.user_attrs.get(WORKER)
        return cls(**known) if known else None


def fail_dead(study: Any, storage: Storage) -> None:  # noqa: ANN401 - Optuna's study
    """Fail the trials whose worker has died; elsewhere than on this machine only a missing heartbeat tells.

    Whoever calls this is alone, as are those that take a trial and write down who they are: a trial without a worker
    was taken by somebody who died meanwhile.

    Raises:
        StorageError: There is no heartbeat, and a trial's worker is elsewhere.
    """
    require_noticeable(study, storage)
    for trial in lost(study, storage):
        with suppress(optuna.exceptions.UpdateFinishedTrialError):
            study.tell(trial.number, state=State.FAIL, skip_if_finished=True)


def lost(study: Any, storage: Storage) -> list[Any]:  # noqa: ANN401 - Optuna's study
    """Return the trials that ``fail_dead`` would fail, but those of which nobody here could ever say so. Be alone.

    A worker of this machine that lives isn't lost, whatever its heartbeat says: the machine may have slept.
    """
    running = _running(study)
    numbers = set(dead(running))
    if storage.heartbeat:
        stale = set(storage.trials._get_stale_trial_ids(study._study_id))  # noqa: SLF001 - as Optuna's own does
        numbers |= {
            trial.number
            for trial in running
            if trial._trial_id in stale and not _lives_here(Worker.of(trial))  # noqa: SLF001 - as above
        }
    return [trial for trial in running if trial.number in numbers]


def _lives_here(worker: Worker | None) -> bool:
    return worker is not None and worker.host == this_host() and worker.lives()


def require_noticeable(study: Any, storage: Storage) -> None:  # noqa: ANN401 - Optuna's study
    """Raise StorageError where a trial runs of which nobody here could ever say that its worker has died."""
    if storage.heartbeat:
        return
    for trial in _running(study):
        worker = Worker.of(trial)
        if worker and worker.host != this_host():
            name, number = study.study_name, trial.number
            path = storage.words.removeprefix("journal file ")
            raise StorageError(
                f"Trial {number} of the study '{name}' is at work on the machine {worker.host}. The {storage.words} "
                "has no sign of life of it: if it died, that wouldn't be noticed here. Go on on that machine, or take "
                "a PostgreSQL storage for several machines. If that machine is gone, end the trial first: "
                f"optuna tell --storage {shlex.quote(path)} --storage-class JournalFileBackend "
                f"--study-name {shlex.quote(name)} --trial-number {number} --state fail"
            )


def dead(trials: Iterable[Any]) -> list[int]:
    """Return the numbers of those that run without a worker, or with one of this machine that is no more.

    Who isn't alone may see a trial that was taken just now, and whose worker isn't written down yet.
    """
    workers = {trial.number: Worker.of(trial) for trial in trials if trial.state == State.RUNNING}
    here = this_host()
    suspects = {worker for worker in workers.values() if worker is None or worker.host == here}
    alive = {worker for worker in suspects if worker and worker.lives()}
    return [number for number, worker in workers.items() if worker in suspects - alive]


def _running(study: Any) -> list[Any]:  # noqa: ANN401 - Optuna's
    return list(study.get_trials(deepcopy=False, states=[State.RUNNING]))


def died(trials: Iterable[Any]) -> list[Any]:
    """Return the trials that failed because their worker died or was interrupted, and that nothing repeats yet."""
    trials = list(trials)
    repeated = _repeated(trials)
    return [
        trial
        for trial in trials
        if trial.state == State.FAIL and REASON not in trial.user_attrs and trial.number not in repeated
    ]


def may_be_repeated(trial: Any, retries: int) -> bool:  # noqa: ANN401 - Optuna's
    """Return whether a trial that died is allowed another attempt. An interruption by the user doesn't count as one."""
    return _attempts(trial) <= retries


def repeat(study: Any, retries: int) -> list[Death]:  # noqa: ANN401 - Optuna's
    """Queue once more what died, and return each death that nobody had written down before.

    Whoever calls this is alone, which whoever tells others of the deaths needn't be: that may take a while.
    """
    deaths = []
    for trial in died(study.get_trials(deepcopy=False)):
        if may_be_repeated(trial, retries):
            _queue_again(study, trial)
            deaths.append(Death(trial, again=True))
        elif trial.number not in (given_up := study.user_attrs.get(GIVEN_UP, [])):
            study.set_user_attr(GIVEN_UP, [*given_up, trial.number])
            deaths.append(Death(trial, again=False))
    return deaths


def _queue_again(study: Any, trial: Any) -> None:  # noqa: ANN401 - Optuna's
    attributes = {RETRY_OF: trial.number, RETRIES: _attempts(trial)}
    # its own, or what it was to go on with if it died before it had one: that may be a whole training
    if run := trial.user_attrs.get(RUN) or run_to_go_on_with(trial):
        attributes[RETRIED_RUN] = run
    study.add_trial(
        optuna.trial.create_trial(
            state=State.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs=attributes,
            system_attrs={name: value for name, value in trial.system_attrs.items() if name == _FIXED},
        )
    )


def _attempts(trial: Any) -> int:  # noqa: ANN401 - Optuna's
    """Return how many attempts a trial that died was, those that it repeats included."""
    return int(trial.user_attrs.get(RETRIES, 0)) + (INTERRUPTED not in trial.user_attrs)


def why(trial: Any) -> str:  # noqa: ANN401 - Optuna's
    """Return why a trial failed or was pruned."""
    known = trial.user_attrs
    if trial.state == State.PRUNED:
        return f"pruned after epoch {known.get(PRUNED_AT, '?')}"
    otherwise = "it was interrupted" if INTERRUPTED in known else "its worker died"
    return str(known.get(REASON) or known.get(DEATH) or otherwise)


def run_to_go_on_with(trial: Any) -> str:  # noqa: ANN401 - Optuna's
    """Return the run of the trial that this one repeats; empty where it repeats none."""
    return str(trial.user_attrs.get(RETRIED_RUN, ""))


def counted(trials: Sequence[Any]) -> list[Any]:
    """Return the trials that count towards the sweep's number: all that ran or run, but those that are repeated."""
    repeated = _repeated(trials)
    return [trial for trial in trials if trial.state != State.WAITING and trial.number not in repeated]


def by_end(trials: Iterable[Any]) -> list[Any]:
    """Return trials that have ended in the order in which they did."""
    return sorted(trials, key=lambda trial: (trial.datetime_complete, trial.number))


def failed_last(trials: Iterable[Any]) -> list[Any]:
    """Return which of the trials, in the order of their ends, failed since one came to something.

    Those that a user interrupted or whose driver died itself are passed over: that says nothing of trials.
    """
    telling = [trial for trial in trials if trial.state != State.FAIL or trial.user_attrs.keys() & {REASON, DEATH}]
    return list(itertools.takewhile(lambda trial: trial.state == State.FAIL, reversed(telling)))[::-1]


def _repeated(trials: Iterable[Any]) -> set[int]:
    return {trial.user_attrs[RETRY_OF] for trial in trials if RETRY_OF in trial.user_attrs}
