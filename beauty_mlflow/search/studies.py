"""Studies: made once, gone on with by whoever names them again, never by a sweep that searches something else."""

import itertools
from collections.abc import Sequence
from typing import Any

import optuna

from beauty_mlflow.errors import SweepError
from beauty_mlflow.search.space import Scalar, differences, grid_of
from beauty_mlflow.search.storages import Storage
from beauty_mlflow.search.strategies import build_pruner, build_sampler
from beauty_mlflow.search.sweep_file import Sweep

IDENTITY = "sweep"


def open_study(
    storage: Storage, name: str, sweep: Sweep, *, fingerprint: str, workers: int, epochs: int, seed: int
) -> Any:  # noqa: ANN401 - Optuna's study
    """Return the study of that name; made, with the sweep's first values queued, where there is none.

    Args:
        storage: Where it is kept.
        name: Its name.
        sweep: What is searched.
        fingerprint: Of the pictures.
        workers: Trials at a time.
        epochs: The most that a trial has.
        seed: Of the sampler. A study that goes on draws other numbers than at its beginning, or it would repeat them.

    Raises:
        SweepError: The study is there, and searches something else.
    """
    identity = {**sweep.identity(), "fingerprint": fingerprint}
    pruner = build_pruner(sweep.pruner.name, sweep.pruner.arguments, epochs=epochs)
    with storage.alone():
        if name not in optuna.study.get_all_study_names(storage.trials):
            optuna.create_study(
                storage=storage.trials,
                study_name=name,
                directions=[objective.direction for objective in sweep.objectives],
            )
        study = optuna.load_study(study_name=name, storage=storage.trials, pruner=pruner)
        begun = study.get_trials(deepcopy=False)
        if not begun and IDENTITY not in study.user_attrs:
            study.set_user_attr(IDENTITY, identity)
        _require_same(study, name, identity)
        _queue(study, sweep)
        study.sampler = build_sampler(
            sweep.sampler.name, sweep.sampler.arguments, grid_of(sweep.space), seed=seed + len(begun), workers=workers
        )
    return study


def total(sweep: Sweep) -> int:
    """Return how many trials a sweep has: no more than its grid has points."""
    points = _points(sweep)
    return min(sweep.trials, len(points)) if points else sweep.trials


def _queue(study: Any, sweep: Sweep) -> None:  # noqa: ANN401 - Optuna's
    """Queue what is tried before the sampler chooses, without what the study has already."""
    known = [trial.system_attrs.get("fixed_params") for trial in study.get_trials(deepcopy=False)]
    for values in _points(sweep)[: sweep.trials] or sweep.start:
        if dict(values) not in known:
            study.enqueue_trial(dict(values))


def _points(sweep: Sweep) -> list[dict[str, Scalar]]:
    """Return a grid's points, those to start with first; none where there is no grid."""
    grid = grid_of(sweep.space)
    if sweep.sampler.name != "grid" or isinstance(grid, str):
        return []
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    return sorted(points, key=lambda point: point not in sweep.start)


def _require_same(study: Any, name: str, identity: dict[str, Any]) -> None:  # noqa: ANN401 - Optuna's
    before = study.user_attrs.get(IDENTITY)
    if before is None:
        raise SweepError(f"The study '{name}' wasn't made by a sweep; give another name as study, or another storage.")
    differing = differences(before, identity)
    if differing:
        raise SweepError(
            f"The study '{name}' searches something else: {'; '.join(differing)}. Give another name as study, or undo "
            "the change; trials of different searches can't be compared."
        )


def best_trials(study: Any) -> Sequence[Any]:  # noqa: ANN401 - Optuna's
    """Return the best trial of those that are complete, or the Pareto front's; none where nothing is complete."""
    complete = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    return list(study.best_trials) if complete else []


def ranked(study: Any) -> Sequence[Any]:  # noqa: ANN401 - Optuna's
    """Return the complete trials, the best by the first objective first."""
    complete = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    falls = study.directions[0] == optuna.study.StudyDirection.MAXIMIZE
    return sorted(complete, key=lambda trial: (-trial.values[0] if falls else trial.values[0], trial.number))


def is_among_the_best(study: Any, values: Sequence[float]) -> bool:  # noqa: ANN401 - Optuna's
    """Return whether no complete trial is better than these values: in everything, where there are several."""
    falls = [direction == optuna.study.StudyDirection.MAXIMIZE for direction in study.directions]

    def better(one: Sequence[float], other: Sequence[float]) -> bool:
        pairs = [(a, b) if fall else (b, a) for a, b, fall in zip(one, other, falls, strict=True)]
        return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)

    complete = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    return not any(better(trial.values, values) for trial in complete)
