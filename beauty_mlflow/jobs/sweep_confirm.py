"""The best trials once more on other seeds: a single seed rewards luck."""

import statistics
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from beauty_mlflow.errors import UnreachableError
from beauty_mlflow.jobs.syncing import send_ended
from beauty_mlflow.jobs.trial import figures_of
from beauty_mlflow.search.executors.base import Outcome
from beauty_mlflow.search.space import by_parameter
from beauty_mlflow.search.studies import ranked
from beauty_mlflow.search.sweep_file import Objective
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.finding import child_runs

if TYPE_CHECKING:
    from beauty_mlflow.jobs.sweeping import Search


@dataclass(frozen=True)
class Confirmed:
    """What one of the best trials came to on other seeds.

    Attributes:
        trial: Its number.
        values: By seed.
        best_run: The run of the best seed; its model is uploaded for certain.
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


def confirm(search: "Search") -> list[Confirmed]:
    """Run the best trials again on further seeds, those that are missing; return them, the best mean first.

    Only one process may do this at a time for a study: what it finds RUNNING it takes for dead. A trial none of whose
    runs comes to its end is left out.
    """
    sweep = search.sweep
    best = ranked(search.study)[: sweep.confirm]
    if not best or len(sweep.metrics) > 1:
        return []
    seeds = range(sweep.seed + 1, sweep.seed + 1 + sweep.confirm_seeds)
    unfinished = {trial.number: _close_dead(search, trial.number) for trial in best}
    known = {trial.number: _finished(search, trial.number) for trial in best}
    missing = [(trial, seed) for seed in seeds for trial in best if seed not in known[trial.number]]
    if missing:
        click.echo(
            f"confirming the best {_trials(len(best))}: {len(missing)} runs on the seeds {seeds[0]} to {seeds[-1]}",
            err=True,
        )
    with ThreadPoolExecutor(search.executor.slots) as threads:
        free = list(range(search.executor.slots))

        def run(trial: Any, seed: int) -> Outcome:  # noqa: ANN401 - Optuna's
            slot = free.pop()
            try:
                return _run(search, trial, seed, slot, unfinished[trial.number].get(seed, ""))
            finally:
                free.append(slot)

        try:
            for done in [threads.submit(run, trial, seed) for trial, seed in missing]:
                done.result()
        except BaseException:
            search.executor.stop()
            threads.shutdown(cancel_futures=True)
            raise
    send_ended(search.store)  # of those that began while the store didn't answer
    ends = {trial.number: _finished(search, trial.number) for trial in best}
    for number in (number for number, found in ends.items() if not found):
        click.echo(f"trial {number}: no run on another seed came to its end; their runs say why", err=True)
    objective = sweep.objectives[0]
    confirmed = [_confirmed(number, found, objective) for number, found in ends.items() if found]
    return sorted(confirmed, key=lambda one: objective.cost(one.mean))


def _trials(number: int) -> str:
    return "trial" if number == 1 else f"{number} trials"


def _run(search: "Search", trial: Any, seed: int, slot: int, unfinished: str) -> Outcome:  # noqa: ANN401 - Optuna's
    values = by_parameter(trial.params, search.sweep.space)
    task = search.task(trial.number, values, unfinished, confirms=str(trial.number), seed=seed)
    outcome = search.executor.run(task, _Best(search, trial.number), slot)
    if outcome.end == "complete":
        metric = search.sweep.metrics[0]
        click.echo(f"trial {trial.number} on seed {seed}: {metric} {outcome.metrics[metric]:.4g}", err=True)
    else:
        click.echo(f"trial {trial.number} on seed {seed}: {outcome.end} {outcome.reason}", err=True)
    return outcome


def _finished(search: "Search", number: int) -> dict[int, tuple[str, float]]:
    """Return the runs that have confirmed a trial so far, and their values, by seed."""
    return {
        int(run.parameters()["seed"]): (run.run_id, figures_of(run)[search.sweep.metrics[0]])
        for run in child_runs(search.store, search.run, {names.CONFIRM: str(number)}, status="FINISHED")
    }


def _close_dead(search: "Search", number: int) -> Mapping[int, str]:
    """Close the runs whose process died; return those that are to be gone on with, by seed."""
    unfinished = {}
    for run in child_runs(search.store, search.run, {names.CONFIRM: str(number)}):
        status, seed = run.status, run.parameters().get("seed")
        if status == "RUNNING":
            run.finish("FAILED", {names.ERROR: "its worker died"})
        if status in ("RUNNING", "KILLED") and seed:
            unfinished[int(seed)] = run.run_id
    return unfinished


def _confirmed(number: int, found: Mapping[int, tuple[str, float]], objective: Objective) -> Confirmed:
    best = min(found.values(), key=lambda pair: objective.cost(pair[1]))
    return Confirmed(number, {seed: value for seed, (_, value) in sorted(found.items())}, best[0])


@dataclass(frozen=True)
class _Best:
    """Lets a confirming run go on to its end, and upload its model if it is the best of its trial's so far."""

    search: "Search"
    number: int

    def started(self, run: str) -> None:
        """Nothing follows from it."""

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
