"""Samplers and pruners by name: those that we test, and any other of Optuna's by its class name and arguments."""

import inspect
from collections.abc import Mapping
from typing import Any

import optuna

from beauty_mlflow.errors import SweepError, did_you_mean

SAMPLERS = ("tpe", "grid", "random")
PRUNERS = ("median", "hyperband", "successive_halving", "none")
_PRUNER_CLASSES = {
    "median": "MedianPruner",
    "hyperband": "HyperbandPruner",
    "successive_halving": "SuccessiveHalvingPruner",
    "none": "NopPruner",
}
# trials before the median counts, and epochs before a trial may go: see docs/decisions/search.md
_PRUNER_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "median": {"n_startup_trials": 4, "n_warmup_steps": 2},
    "hyperband": {"min_resource": 2, "reduction_factor": 3},
    "successive_halving": {"min_resource": 2, "reduction_factor": 3},
}
_SEEDED = "seed"

Grid = Mapping[str, list[Any]]


def check_sampler(name: str, arguments: Mapping[str, Any], grid: Grid | str) -> None:
    """Raise ValueError unless there is such a sampler, taking such arguments, for such a space."""
    try:
        build_sampler(name, arguments, grid, seed=0, workers=1)
    except SweepError as error:
        raise ValueError(str(error)) from None


def check_pruner(name: str, arguments: Mapping[str, Any]) -> None:
    """Raise ValueError unless there is such a pruner, taking such arguments."""
    try:
        build_pruner(name, arguments, epochs=10)
    except SweepError as error:
        raise ValueError(str(error)) from None


def build_sampler(name: str, arguments: Mapping[str, Any], grid: Grid | str, *, seed: int, workers: int) -> Any:  # noqa: ANN401 - Optuna's
    """Return a sampler.

    Args:
        name: One of ``SAMPLERS``, or the name of a class in optuna.samplers.
        arguments: For its constructor, over our defaults.
        grid: Every value of every dimension, or why the space has no grid.
        seed: Of its random numbers.
        workers: Trials at a time; several make TPE count a running trial as a bad one, so that they don't all try the
            same place (constant liar).

    Raises:
        SweepError: There is none of that name, it takes other arguments, or the space has no grid.
    """
    if name == "grid":
        # its points are queued as the study is made, in order: Optuna's GridSampler can't be asked and told
        if isinstance(grid, str):
            raise SweepError(grid)
        if arguments:
            raise SweepError("the sampler grid takes no arguments")
        return _build("sampler", "RandomSampler", {_SEEDED: seed})
    if name == "tpe":
        ours = {"multivariate": True, "group": True, "constant_liar": workers > 1, "n_startup_trials": 8, _SEEDED: seed}
        return _build("sampler", "TPESampler", {**ours, **arguments})
    if name == "random":
        return _build("sampler", "RandomSampler", {_SEEDED: seed, **arguments})
    return _build("sampler", name, arguments, seed=seed)


def build_pruner(name: str, arguments: Mapping[str, Any], *, epochs: int) -> Any:  # noqa: ANN401 - Optuna's
    """Return a pruner.

    Args:
        name: One of ``PRUNERS``, or the name of a class in optuna.pruners.
        arguments: For its constructor, over our defaults.
        epochs: The most that a trial has.

    Raises:
        SweepError: There is none of that name, or it takes other arguments.
    """
    ours = dict(_PRUNER_DEFAULTS.get(name, {}))
    if name == "hyperband":
        ours["max_resource"] = max(epochs, 2)
    return _build("pruner", _PRUNER_CLASSES.get(name, name), {**ours, **arguments})


def _build(kind: str, name: str, arguments: Mapping[str, Any], seed: int | None = None) -> Any:  # noqa: ANN401 - Optuna's
    module = getattr(optuna, f"{kind}s")
    known = [one for one in module.__all__ if inspect.isclass(getattr(module, one)) and not one.startswith("Base")]
    if name not in known:
        short = SAMPLERS if kind == "sampler" else PRUNERS
        raise SweepError(
            f"there is no {kind} '{name}': expected {', '.join(short)} or a class of optuna.{kind}s."
            f"{did_you_mean(name, [*short, *known])}"
        )
    made_by = getattr(module, name)
    accepted = inspect.signature(made_by.__init__).parameters
    wrong = [argument for argument in arguments if argument not in accepted]
    if wrong:
        raise SweepError(
            f"the {kind} {name} takes no {', '.join(wrong)}.{did_you_mean(wrong[0], accepted)} "
            f"It takes: {', '.join(list(accepted)[1:])}"
        )
    seeded = {_SEEDED: seed} if seed is not None and _SEEDED in accepted else {}
    try:
        return made_by(**{**seeded, **arguments})
    except (TypeError, ValueError, ImportError) as error:
        raise SweepError(f"the {kind} {name} can't be made: {error}") from None
