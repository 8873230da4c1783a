"""A sweep file: what is fixed, what is searched, how, and for how long; TOML, checked before anything starts."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from beauty_mlflow.errors import SweepError, did_you_mean
from beauty_mlflow.search.dimensions import KINDS_OF_CONDITION, Dimension, Given, Number, Range, Scalar, Table
from beauty_mlflow.search.space import by_parameter, exclude_each_other, is_searched, ordered, requirements
from beauty_mlflow.search.strategies import Direction, check_strategies
from beauty_mlflow.toml import read_toml

Whole = Annotated[int, Strict()]
BEST_VAL_ACCURACY = "best_val_accuracy"
DEFAULT_RECIPE = "fast"  # trials share what it caches
_SHOWN = 80  # characters of a wrong value
_KINDS = {"tuple_type": "expected a list", "dict_type": "expected a table", "model_type": "expected a table"}
_NAME = re.compile(r"[A-Za-z_]\w{0,99}", re.ASCII)


class Objective(Table):
    """A figure of a trial's run, and which way is better."""

    metric: str = Field(min_length=1)
    direction: Direction

    def cost(self, value: float) -> float:
        """Return what a value costs: of two, the better one costs less."""
        return -value if self.direction == "maximize" else value


class Strategy(Table):
    """A sampler or pruner: a short name of ours, or a class of Optuna's, with its arguments."""

    name: str = Field(min_length=1)
    arguments: dict[str, Any] = Field(default_factory=dict)


class Sweep(Table):
    """What a sweep file says.

    Attributes:
        job: What a trial runs.
        description: In words, for whoever reads the sweep's run.
        trials: How many in all.
        timeout: Seconds after which no further trial or confirming run starts; 0 is no limit.
        seed: Of the sampler, and of every trial whose parameters have none.
        confirm: How many of the best trials are run again at the end.
        confirm_seeds: On how many further seeds each of them.
        retries: How often a trial is run again whose worker has died.
        objectives: One to be the best at, or several for a Pareto front.
        parameters: What every trial's job is given; the recipe, unless it is searched, is ``fast`` where none is named.
        space: What is searched, by the name that Optuna shows.
        start: Values to begin with, before the sampler chooses.
        sampler: How values are chosen.
        pruner: Which trials are ended early.
    """

    job: Literal["finetune", "train"] = "finetune"
    description: str = ""
    trials: Whole = Field(30, ge=1)
    timeout: Number = Field(0, ge=0, allow_inf_nan=False)
    seed: Whole = Field(0, ge=0, lt=2**31)
    confirm: Whole = Field(3, ge=0)
    confirm_seeds: Whole = Field(3, ge=1)
    retries: Whole = Field(2, ge=0)
    objectives: tuple[Objective, ...] = Field(
        (Objective(metric=BEST_VAL_ACCURACY, direction="maximize"),), alias="objective"
    )
    parameters: dict[str, Given] = Field(default_factory=dict)
    space: dict[str, Dimension]
    start: tuple[dict[str, Given], ...] = ()
    sampler: Strategy = Strategy(name="tpe")
    pruner: Strategy = Strategy(name="successive_halving")

    @model_validator(mode="before")
    @classmethod
    def _with_recipe(cls, content: Any) -> Any:  # noqa: ANN401 - as TOML has it, unchecked
        parameters, space = content.get("parameters", {}), content.get("space", {})
        if not (isinstance(parameters, dict) and isinstance(space, dict)):
            return content
        dimensions = (one.get("parameter", name) if isinstance(one, dict) else name for name, one in space.items())
        if "recipe" in [*parameters, *dimensions]:
            return content
        return {**content, "parameters": {"recipe": DEFAULT_RECIPE, **parameters}}

    @field_validator("objectives", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        if isinstance(value, str):
            less_is_better = value.endswith(("loss", "seconds")) or value.startswith("parameters")
            return ({"metric": value, "direction": "minimize" if less_is_better else "maximize"},)
        return (value,) if isinstance(value, dict) else value

    @field_validator("sampler", "pruner", mode="before")
    @classmethod
    def _name_alone(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits_together(self) -> "Sweep":
        message = next(self._problems(), "")
        if message:
            raise ValueError(message)
        for name in ordered(self.space):
            requirements(self.space, name)
        self._require_one_dimension_a_parameter()
        for values in self.start:
            self._check_start(values)
        check_strategies(
            (self.sampler.name, self.sampler.arguments),
            (self.pruner.name, self.pruner.arguments),
            self.space,
            self.directions,
        )
        return self

    def _problems(self) -> Iterator[str]:
        if not self.space:
            yield "space is empty; expected at least one table such as [space.blocks]"
        if not self.objectives:
            yield "objective is empty; expected the name of a figure, or tables with metric and direction"
        for name, dimension in self.space.items():
            if not _NAME.fullmatch(name):
                yield f"space has {name!r}; expected a name of letters, digits and _"
            parameter = dimension.parameter or name
            if parameter in self.parameters:
                yield f"{parameter} is in [parameters] and in [space]; expected it in one of them"
            for other, _ in dimension.conditions:
                if other not in self.space:
                    yield f"space.{name}.when names {other}, which isn't searched.{did_you_mean(other, self.space)}"
        if len(set(self.metrics)) < len(self.metrics):
            yield f"expected different objectives, got {', '.join(self.metrics)}"
        if len(self.objectives) > 1 and self.pruner.name != "none":
            yield 'several objectives can\'t be pruned: Optuna compares one value an epoch; expected pruner = "none"'

    def _require_one_dimension_a_parameter(self) -> None:
        for one, other in itertools.combinations(self.space, 2):
            parameter = self.space[one].parameter or one
            if parameter == (self.space[other].parameter or other) and not exclude_each_other(self.space, one, other):
                message = (
                    f"space.{one} and space.{other} both give {parameter}; "
                    "expected conditions (when) that exclude each other"
                )
                raise ValueError(message)

    def _check_start(self, values: Mapping[str, Scalar]) -> None:
        for name, value in values.items():
            if name not in self.space:
                message = f"start has {name}, which isn't searched.{did_you_mean(name, self.space)}"
                raise ValueError(message)
            self.space[name].check(f"start.{name}", value)
            for other, condition in self.space[name].conditions:
                if other in values and not condition.holds(values[other]):
                    message = f"start has {name}, which isn't searched where {other} is {values[other]!r}"
                    raise ValueError(message)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The objectives' names, in order."""
        return tuple(objective.metric for objective in self.objectives)

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Which way is better, in the objectives' order."""
        return tuple(objective.direction for objective in self.objectives)

    def examples(self) -> Iterator[Mapping[str, Scalar]]:
        """Yield whole trials' values, beside what is fixed, such that any two dimensions meet at all their ends."""
        ends = [(name, value) for name, dimension in self.space.items() for value in dimension.ends()]
        for pair in itertools.combinations_with_replacement(ends, 2):
            needed = {
                place: condition.example(self.space[place])
                for name, _ in pair
                for place, condition in requirements(self.space, name).items()
            }
            yield {**self.parameters, **self._filled({**needed, **dict(pair)})}

    def identity(self) -> dict[str, Any]:
        """Return what must be the same for trials to belong to one study, as JSON has it."""
        whole = self.model_dump(mode="json", by_alias=True, exclude={"space": {"__all__": {"description"}}})
        return {name: whole[name] for name in ("job", "objective", "parameters", "space")}

    def _filled(self, given: Mapping[str, Scalar | None]) -> dict[str, Scalar]:
        """Return values for all dimensions whose conditions hold, the least of what isn't given."""
        chosen: dict[str, Scalar] = {}
        for name in ordered(self.space):
            if is_searched(self.space[name], chosen):
                value = given.get(name)
                chosen[name] = self.space[name].ends()[0] if value is None else value
        return by_parameter(chosen, self.space)


def read_sweep(path: Path) -> Sweep:
    """Read and check a sweep file.

    Raises:
        SweepError: It is missing, no TOML, or says something that can't be; the message names the file, the key, what
            was expected and what came.
    """
    content = read_toml(path, "sweep file", SweepError, hint="expected a TOML file such as sweeps/smoke.toml")
    try:
        return Sweep.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_sentence(detail).rstrip(".") for detail in error.errors())
        stop = "" if problems.endswith("?") else "."
        raise SweepError(f"{path}: {problems}{stop} docs/sweeps.md describes the keys.") from None


def _sentence(detail: ErrorDetails) -> str:
    place = [str(part) for part in detail["loc"] if part not in KINDS_OF_CONDITION]
    key = ".".join(place)
    if detail["type"] == "extra_forbidden":
        return f"unknown key {key}.{did_you_mean(place[-1], _known(place))}"
    if detail["type"] == "missing":
        return f"{key} is missing"
    message = _KINDS.get(detail["type"], detail["msg"].removeprefix("Value error, "))
    if not key:
        return message
    if detail["type"] == "value_error":
        return f"{key}: {message}"
    message = re.sub("^Input should be ", "expected ", message)
    return f"{key}: {message[0].lower()}{message[1:]}, got {_shown(detail['input'])}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _known(place: list[str]) -> Iterable[str]:
    """Return the keys that there are beside an unknown one."""
    match place:
        case ["space", _, _]:
            return Dimension.model_fields
        case ["space", *_]:
            return Range.model_fields
        case ["objective", *_]:
            return Objective.model_fields
        case ["sampler" | "pruner", _]:
            return Strategy.model_fields
    return [field.alias or name for name, field in Sweep.model_fields.items()]
