"""The best trials once more on other seeds: a single seed rewards luck."""

import itertools
import statistics
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from beauty_mlflow.errors import UnreachableError
from beauty_mlflow.jobs.sweep_books import say, tolerant
from beauty_mlflow.jobs.sweep_search import Search
from beauty_mlflow.jobs.syncing import send_ended
from beauty_mlflow.jobs.trial import figures_of
from beauty_mlflow.search.driver import SIGNALS_MEET
from beauty_mlflow.search.executors.base import Outcome
from beauty_mlflow.search.space import by_parameter
from beauty_mlflow.search.studies import best_points
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.finding import child_entities, child_runs
from beauty_mlflow.tracking.runs import Run


@dataclass(frozen=True)
class Confirmed:
    """What one of the best trials came to on other seeds.

    Attributes:
        trial: Its number.
        values: By seed.
        best_run: The run of the best seed, of those that were wanted once as well; its model is uploaded for certain.
    """

    trial: int
    values: Mapping[int, float]
    best_run: str

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return statistics.fmean(self.values.values())

    @property
    def deviation(self) -> float:
        """Standard deviation over the seeds; 0 for one."""
        return statistics.stdev(self.values.values()) if len(self.values) > 1 else 0.0


def confirm(search: Search) -> list[Confirmed]:
    """Run the best trials again on further seeds, those that are missing; return them, the best first.

    Only one process may do this at a time for a study: what it finds RUNNING it takes for dead. Of two trials with as
    many seeds the better mean is first; fewer seeds come after more, since their mean may be one seed's luck. A trial
    none of whose runs comes to its end is left out.
    """
    best = _best(search)
    if not best:
        return []
    seeds = _further_seeds(search)
    unfinished = {trial.number: _close_dead(search, trial.number) for trial in best}
    known = {trial.number: _finished(search, trial.number) for trial in best}
    missing = [
        _Missing(trial, seed, unfinished[trial.number].get(seed, ""))
        for seed, trial in itertools.product(seeds, best)
        if seed not in known[trial.number]
    ]
    if missing:
        among = ", ".join(map(str, seeds))
        say(f"confirming the best {_trials(len(best))}: {len(missing)} runs on the seeds {among}")
        _run_all(search, missing)
    send_ended(search.store)  # of those that began while the store didn't answer
    for trial in best:
        _close_dead(search, trial.number)  # where that couldn't be done as they died
    found = _confirmed(search, best, seeds)
    ended = {one.trial: len(one.values) for one in found}
    for trial in best:
        if (count := ended.get(trial.number, 0)) < len(seeds):
            say(f"WARNING: trial {trial.number}: {count} of {_runs(len(seeds))} came to an end")
    return found


def confirmed(search: Search) -> list[Confirmed]:
    """Return of the best trials what has been confirmed so far, in the order of ``confirm``; nothing is run.

    Nothing counts where a better trial has been found since.
    """
    best = _best(search)
    found = _confirmed(search, best, _further_seeds(search)) if best else []
    return found if any(one.trial == best[0].number for one in found) else []


def _confirmed(search: Search, best: Sequence[Any], seeds: Sequence[int]) -> list[Confirmed]:
    objective = search.sweep.objectives[0]
    every = []
    for trial in best:
        found = _finished(search, trial.number)
        values = {seed: found[seed][1] for seed in seeds if seed in found}
        if values:
            best_run, _ = min(found.values(), key=lambda end: objective.cost(end[1]))
            every.append(Confirmed(trial.number, values, best_run))
    return sorted(every, key=lambda one: (-len(one.values), objective.cost(one.mean)))


def _best(search: Search) -> Sequence[Any]:
    """Return the trials that are to be confirmed; none where there are several objectives."""
    return best_points(search.study, search.sweep.confirm) if len(search.sweep.metrics) == 1 else []


def _trials(number: int) -> str:
    return "trial" if number == 1 else f"{number} trials"


def _runs(number: int) -> str:
    return "1 confirming run" if number == 1 else f"{number} confirming runs"


def _further_seeds(search: Search) -> Sequence[int]:
    """Return the first seeds that no complete trial was searched with, whichever command of the study's ran it."""
    complete = child_entities(search.store, search.run, {names.TRIAL_STATE: "COMPLETE"})
    used = {int(run.data.params["seed"]) for run in complete if names.CONFIRM not in run.data.tags}
    return list(itertools.islice((seed for seed in itertools.count() if seed not in used), search.sweep.confirm_seeds))


@dataclass(frozen=True)
class _Missing:
    """A confirming run that there isn't yet.

    Attributes:
        trial: Optuna's.
        seed: Of the run.
        continues: The run of an earlier process, that died; empty where there was none.
    """

    trial: Any
    seed: int
    continues: str


def _run_all(search: Search, missing: Sequence[_Missing]) -> None:
    slots = search.executor.slots
    free, stopped = list(range(slots)), threading.Event()

    def run(one: _Missing) -> bool:
        slot = free.pop()
        try:
            return _run(search, one, slot, stopped)
        finally:
            free.append(slot)

    with ThreadPoolExecutor(slots) as threads:
        try:
            submitted = [threads.submit(run, one) for one in missing]
            left = sum(not done.result() for done in submitted)
        except BaseException:
            stopped.set()
            search.executor.stop()
            threads.shutdown(cancel_futures=True)
            raise
    if left:
        say(f"the timeout is over: {left} of {_runs(len(missing))} didn't begin; the same command goes on with them")


def _run(search: Search, missing: _Missing, slot: int, stopped: threading.Event) -> bool:
    """Make a run, and again where its process dies, as often as a trial; return whether time let it begin."""
    if search.is_over:
        return False
    trial, seed, continues = missing.trial, missing.seed, missing.continues
    values = by_parameter(trial.params, search.sweep.space)
    what = f"trial {trial.number} on seed {seed}"
    for left in reversed(range(search.sweep.retries + 1)):
        task = search.task(trial.number, values, continues, confirms=str(trial.number), seed=seed)
        listener = _Best(search, trial.number)
        outcome = search.executor.run(task, listener, slot)
        if outcome.end == "interrupted" and not stopped.wait(SIGNALS_MEET):  # by somebody, not by our user
            outcome = Outcome("died", reason="its process was ended from outside")
        if outcome.end != "died":
            _tell(search, what, outcome)
            break
        again = bool(left) and not search.is_over
        reason = f"{outcome.reason}; it {'is run again' if again else 'is not run again'}"
        say(f"{what}: {reason}")
        if listener.run:
            continues = listener.run
            with tolerant():
                _close(Run.find(search.store, continues), reason)
        if not again:
            break
    return True


def _tell(search: Search, what: str, outcome: Outcome) -> None:
    metric = search.sweep.metrics[0]
    said = f"{metric} {outcome.metrics[metric]:.4g}" if outcome.end == "complete" else f"{outcome.end} {outcome.reason}"
    say(f"{what}: {said}")


def _finished(search: Search, number: int) -> dict[int, tuple[str, float]]:
    """Return the runs that have confirmed a trial so far, and their values, by seed."""
    return {
        int(run.parameters()["seed"]): (run.run_id, figures_of(run)[search.sweep.metrics[0]])
        for run in child_runs(search.store, search.run, {names.CONFIRM: str(number)}, status="FINISHED")
    }


def _close_dead(search: Search, number: int) -> Mapping[int, str]:
    """Close the runs whose process died; return those that are to be gone on with, by seed."""
    unfinished = {}
    for run in child_runs(search.store, search.run, {names.CONFIRM: str(number)}):
        status, seed = run.status, run.parameters().get("seed")
        _close(run, "its worker died")
        if status in ("RUNNING", "KILLED") and seed:
            unfinished[int(seed)] = run.run_id
    return unfinished


def _close(run: Run, reason: str) -> None:
    """Close a run whose process died, unless that had come to an end before it."""
    if run.status == "RUNNING":
        run.finish("FAILED", {names.ERROR: reason})


@dataclass
class _Best:
    """Lets a confirming run go on to its end, and upload its model if it is the best of its trial's so far."""

    search: Search
    number: int
    run: str = ""

    def started(self, run: str) -> None:
        """Remember it."""
        self.run = run

    def epoch(self, number: int, metrics: Mapping[str, float]) -> bool:
        """Go on."""
        del number, metrics
        return True

    def keeps_model(self, metrics: Mapping[str, float]) -> bool:
        """Return whether no other seed was better; a store that doesn't say so gets a model too many."""
        objective = self.search.sweep.objectives[0]
        cost = objective.cost(metrics[objective.metric])
        try:
            known = _finished(self.search, self.number)
        except UnreachableError:
            return True
        return all(cost <= objective.cost(other) for _, other in known.values())
