"""Samplers and pruners by name: those that we test, and any other of Optuna's by its class name and arguments."""

import inspect
import threading
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Literal

import optuna

from beauty_mlflow.errors import SweepError, did_you_mean
from beauty_mlflow.search.space import Space, draw, grid_of

Direction = Literal["maximize", "minimize"]
SAMPLERS = ("tpe", "grid", "random")
PRUNERS = ("successive_halving", "hyperband", "median", "none")
_SAMPLER_CLASSES = {
    "tpe": "TPESampler",
    "random": "RandomSampler",
    # its points are queued as the study is made, in order; this is for a trial that repeats one
    "grid": "RandomSampler",
}
_PRUNER_CLASSES = {
    "median": "MedianPruner",
    "hyperband": "HyperbandPruner",
    "successive_halving": "SuccessiveHalvingPruner",
    "none": "NopPruner",
}
# with constant liar TPE counts a running trial as a bad one, so that workers don't all try the same place
SAMPLER_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "tpe": {"multivariate": True, "group": True, "constant_liar": True, "n_startup_trials": 8}
}
# trials before the median counts, and epochs before a trial may go: see docs/decisions/search.md
PRUNER_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "median": {"n_startup_trials": 4, "n_warmup_steps": 2},
    "hyperband": {"min_resource": 2, "reduction_factor": 3},
    "successive_halving": {"min_resource": 2, "reduction_factor": 2},
}
_STOPS_THE_STUDY = ("GridSampler", "BruteForceSampler")  # themselves, which only Study.optimize allows
_PICKLES = ("CmaEsSampler",)  # kept with the trials, and loaded by whoever goes on with the study
_ONE_SEQUENCE = ("QMCSampler",)  # whoever opens a study again goes on with it, with the same seed
_SEED = "seed"
_WRAPPED = "wrapped_pruner"
_TRIED = 12  # trials; most samplers begin their own work after ten
_one_at_a_time = threading.Lock()


def build_sampler(name: str, arguments: Mapping[str, Any], *, seed: int, opened: int = 0) -> Any:  # noqa: ANN401 - Optuna's
    """Return a sampler.

    Args:
        name: One of ``SAMPLERS``, or the name of a class in optuna.samplers.
        arguments: For its constructor, over our defaults.
        seed: Of its random numbers.
        opened: How often the study was opened before: each time other numbers are drawn.

    Raises:
        SweepError: There is none of that name, or it can't be made of such arguments.
    """
    if name == "grid" and arguments:
        raise SweepError("the sampler grid takes no arguments")
    if name in _STOPS_THE_STUDY:
        raise SweepError(f'{name} can\'t be used here; expected sampler = "grid", which goes through all points')
    if name in _PICKLES:
        raise SweepError(f"{name} can't be used here: it keeps pickles with the trials, which could hold any code")
    if _SEED in arguments:
        raise SweepError("the sampler's seed is the sweep's own: expected seed = … at the top of the file")
    made_by = _class_of(optuna.samplers, _SAMPLER_CLASSES.get(name, name), SAMPLERS, name)
    seeded = {}
    if _SEED in inspect.signature(made_by).parameters:
        seeded[_SEED] = seed if made_by.__name__ in _ONE_SEQUENCE else seed + opened
    return _made("sampler", name, made_by, {**SAMPLER_DEFAULTS.get(name, {}), **arguments}, seeded)


def build_pruner(name: str, arguments: Mapping[str, Any], *, epochs: int) -> Any:  # noqa: ANN401 - Optuna's
    """Return a pruner.

    Args:
        name: One of ``PRUNERS``, or the name of a class in optuna.pruners.
        arguments: For its constructor, over our defaults. PatientPruner's wrapped_pruner is a name as well.
        epochs: The most that a trial has.

    Raises:
        SweepError: There is none of that name, or it can't be made of such arguments.
    """
    ours = dict(PRUNER_DEFAULTS.get(name, {}))
    if name == "hyperband":
        ours["max_resource"] = max(epochs, 2)
    if isinstance(arguments.get(_WRAPPED), str):
        arguments = {**arguments, _WRAPPED: build_pruner(arguments[_WRAPPED], {}, epochs=epochs)}
    made_by = _class_of(optuna.pruners, _PRUNER_CLASSES.get(name, name), PRUNERS, name)
    return _made("pruner", name, made_by, {**ours, **arguments})


def try_out(sampler: Any, pruner: Any, space: Space, directions: Sequence[Direction]) -> None:  # noqa: ANN401 - Optuna's
    """Let a sampler and a pruner work on a small study in memory.

    Much of what is wrong with them shows only then: a package that is missing, an argument of another type, a space or
    several objectives that they can't deal with.

    Raises:
        SweepError: They can't.
    """
    with _one_at_a_time:  # the verbosity is the whole process's
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # what it warns of is said of the study's own trials
        try:
            _try_out(sampler, pruner, space, directions)
        finally:
            optuna.logging.set_verbosity(verbosity)


def _try_out(sampler: Any, pruner: Any, space: Space, directions: Sequence[Direction]) -> None:  # noqa: ANN401 - Optuna's
    study = optuna.create_study(directions=directions, sampler=optuna.samplers.RandomSampler(0))
    for number in range(_TRIED):
        trial = study.ask()
        draw(trial, space)
        _report(trial, directions)
        study.tell(trial, [float(number)] * len(directions))
    study.sampler, study.pruner = sampler, pruner
    try:
        trial = study.ask()
        draw(trial, space)
    except Exception as error:  # noqa: BLE001 - whatever it is that such a sampler raises
        raise SweepError(_refusal("sampler", sampler, error)) from None
    try:
        _report(trial, directions)
    except Exception as error:  # noqa: BLE001 - as above
        raise SweepError(_refusal("pruner", pruner, error)) from None


def _report(trial: Any, directions: Sequence[Direction]) -> None:  # noqa: ANN401 - Optuna's
    if len(directions) == 1:
        worse = -1.0 if directions[0] == "maximize" else 1.0
        for epoch in range(1, _TRIED + 1):
            trial.report(worse * epoch, epoch)
            trial.should_prune()


def check_strategies(
    sampler: tuple[str, Mapping[str, Any]],
    pruner: tuple[str, Mapping[str, Any]],
    space: Space,
    directions: Sequence[Direction],
) -> None:
    """Raise ValueError unless there are such a sampler and pruner, each with its arguments, for such a search."""
    try:
        if sampler[0] == "grid":
            grid_of(space)
        made = build_sampler(*sampler, seed=0), build_pruner(*pruner, epochs=10)
        try_out(*made, space, directions)
    except SweepError as error:
        raise ValueError(str(error)) from None


def _class_of(module: ModuleType, class_name: str, short: Sequence[str], name: str) -> Any:  # noqa: ANN401 - Optuna's
    kind = module.__name__.rpartition(".")[2]
    known = [one for one in module.__all__ if inspect.isclass(getattr(module, one)) and not one.startswith("Base")]
    if class_name not in known:
        raise SweepError(
            f"there is no {kind[:-1]} '{name}': expected {', '.join(short)} or a class of optuna.{kind}."
            f"{did_you_mean(name, [*short, *known])}"
        )
    return getattr(module, class_name)


def _made(
    kind: str,
    name: str,
    made_by: Any,  # noqa: ANN401 - Optuna's
    arguments: Mapping[str, Any],
    seeded: Mapping[str, int] | None = None,
) -> Any:  # noqa: ANN401 - as above
    accepted = [one for one in inspect.signature(made_by).parameters if one not in (_SEED, "args", "kwargs")]
    wrong = [argument for argument in arguments if argument not in accepted]
    if wrong:
        takes = f"it takes {', '.join(accepted)}" if accepted else "it takes none"
        raise SweepError(
            f"the {kind} {name} has no argument {', '.join(wrong)}; {takes}.{did_you_mean(wrong[0], accepted)}"
        )
    try:
        return made_by(**arguments, **(seeded or {}))
    except Exception as error:  # noqa: BLE001 - whatever it is that such arguments lead to
        raise SweepError(f"the {kind} {name} can't be made: {_words(error)}") from None


def _refusal(kind: str, strategy: Any, error: Exception) -> str:  # noqa: ANN401 - Optuna's
    name = type(strategy).__name__
    if isinstance(error, ModuleNotFoundError):
        return f"the {kind} {name} needs the Python package {error.name}, which isn't installed"
    return f"the {kind} {name} can't be used: {_words(error)}"


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
