"""Studies: made once, gone on with by whoever names them again, never by a sweep that searches something else."""

import itertools
import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

import optuna

from beauty_mlflow.errors import SweepError
from beauty_mlflow.search import attempts
from beauty_mlflow.search.dimensions import Scalar
from beauty_mlflow.search.space import differences, grid_of
from beauty_mlflow.search.storages import Storage
from beauty_mlflow.search.strategies import build_pruner, build_sampler
from beauty_mlflow.search.sweep_file import Sweep

IDENTITY, OPENED = "sweep", "opened"


def open_study(
    storage: Storage,
    name: str,
    sweep: Sweep,
    *,
    fingerprint: str,
    epochs: int,
    seed: int,
    slowest: Collection[str] = (),
) -> Any:  # noqa: ANN401 - Optuna's
    """Return the study of that name; made, with the sweep's first values queued, where there is none.

    Args:
        storage: Where it is kept.
        name: Its name.
        sweep: What is searched.
        fingerprint: Of the pictures.
        epochs: The most that a trial has.
        seed: Of the sampler. Whoever opens the study after somebody else draws other numbers, or would repeat theirs.
        slowest: The job's parameters of which a grid goes through all else before it takes another value: those that a
            trial can least share with one that has another.

    Raises:
        SweepError: The study is there, and searches something else.
        StorageError: A trial is at work on another machine, whose death wouldn't be noticed.
    """
    pruner = build_pruner(sweep.pruner.name, sweep.pruner.arguments, epochs=epochs)
    with storage.alone():
        if name not in optuna.study.get_all_study_names(storage.trials):
            optuna.create_study(storage=storage.trials, study_name=name, directions=sweep.directions)
    with storage.alone_with(name):
        study = optuna.load_study(study_name=name, storage=storage.trials, pruner=pruner)
        _claim(study, sweep, {**sweep.identity(), "fingerprint": fingerprint, "sampler": _order(sweep)})
        attempts.require_noticeable(study, storage)
        _queue(study, sweep, slowest)
        opened = study.user_attrs.get(OPENED, 0)
        study.set_user_attr(OPENED, opened + 1)
        study.sampler = build_sampler(sweep.sampler.name, sweep.sampler.arguments, seed=seed, opened=opened)
    return study


def _order(sweep: Sweep) -> str:
    """Return which of the samplers can't take each other's studies over: a grid's points are queued all at once."""
    return "grid" if sweep.sampler.name == "grid" else "any but grid"


def total(sweep: Sweep) -> int:
    """Return how many trials a sweep has: no more than its grid has points."""
    if sweep.sampler.name != "grid":
        return sweep.trials
    return min(sweep.trials, math.prod(map(len, grid_of(sweep.space).values())))


def _claim(study: Any, sweep: Sweep, identity: dict[str, Any]) -> None:  # noqa: ANN401 - Optuna's
    """Write down what a new study searches, also one that was left before that; require the same of an older one."""
    before = study.user_attrs.get(IDENTITY)
    if before is None:
        directions = tuple(direction.name.lower() for direction in study.directions)
        if study.get_trials(deepcopy=False) or directions != sweep.directions:
            raise SweepError(
                f"The study '{study.study_name}' wasn't made by a sweep; give another name as study, or "
                "another storage."
            )
        study.set_user_attr(IDENTITY, identity)
        return
    differing = differences({"sampler": identity["sampler"], **before}, identity)
    if differing:
        raise SweepError(
            f"The study '{study.study_name}' searches something else: {'; '.join(differing)}. Give another name as "
            "study, or undo the change; trials of different searches can't be compared."
        )


def _queue(study: Any, sweep: Sweep, slowest: Collection[str]) -> None:  # noqa: ANN401 - Optuna's
    """Queue what is tried before the sampler chooses, without what the study has already."""
    trials = study.get_trials(deepcopy=False)
    known = {frozenset(trial.system_attrs.get("fixed_params", {}).items()) for trial in trials}
    for values in _first(sweep, slowest)[: sweep.trials]:
        if frozenset(values.items()) not in known:
            study.enqueue_trial(values)
            known.add(frozenset(values.items()))


def _first(sweep: Sweep, slowest: Collection[str]) -> list[dict[str, Scalar]]:
    """Return the values to start with: of a grid all of its points, with those that ``start`` names in front.

    The last dimension changes fastest, and those whose parameter is one of ``slowest`` change slowest.
    """
    if sweep.sampler.name != "grid":
        return [dict(values) for values in sweep.start]
    grid = grid_of(sweep.space)
    parameters = {name: dimension.parameter or name for name, dimension in sweep.space.items()}
    order = sorted(grid, key=lambda name: parameters[name] not in slowest)
    points = [dict(zip(order, values, strict=True)) for values in itertools.product(*(grid[name] for name in order))]
    return sorted(points, key=lambda point: not any(values.items() <= point.items() for values in sweep.start))


def best_trials(study: Any) -> Sequence[Any]:  # noqa: ANN401 - Optuna's
    """Return the best trial of those that are complete, or the Pareto front's; none where nothing is complete."""
    complete = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    return list(study.best_trials) if complete else []


def ranked(study: Any) -> Sequence[Any]:  # noqa: ANN401 - Optuna's
    """Return the complete trials, the best by the first objective first."""
    costs = _costs_in(study)
    complete = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    return sorted(complete, key=lambda trial: (costs(trial.values)[0], trial.number))


def best_points(study: Any, count: int) -> Sequence[Any]:  # noqa: ANN401 - Optuna's
    """Return a complete trial of each of the best points, at most ``count``: the first that tried it.

    That stays the same however often a point is tried again, and with however much luck.
    """
    points: dict[frozenset[Any], Any] = {}
    for trial in ranked(study):
        point = frozenset(trial.params.items())
        points[point] = min(points.get(point, trial), trial, key=lambda one: one.number)
    return list(itertools.islice(points.values(), count))


def is_among_the_best(study: Any, values: Sequence[float]) -> bool:  # noqa: ANN401 - Optuna's
    """Return whether no complete trial is better than these values: in everything, where there are several."""
    costs = _costs_in(study)
    own = costs(values)

    def is_better(others: Sequence[float]) -> bool:
        pairs = list(zip(others, own, strict=True))
        return all(other <= ours for other, ours in pairs) and any(other < ours for other, ours in pairs)

    complete = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    return not any(is_better(costs(trial.values)) for trial in complete)


def _costs_in(study: Any) -> Callable[[Sequence[float]], list[float]]:  # noqa: ANN401 - Optuna's
    """Return a function from values to what they cost: of two, the better one costs less."""
    signs = [-1 if direction == optuna.study.StudyDirection.MAXIMIZE else 1 for direction in study.directions]
    return lambda values: [sign * value for sign, value in zip(signs, values, strict=True)]
