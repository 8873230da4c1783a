"""A sweep file: what is fixed, what is searched, how, and for how long; TOML, checked before anything starts."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from beauty_mlflow.errors import SweepError, did_you_mean
from beauty_mlflow.search.space import Dimension, grid_of, ordered
from beauty_mlflow.search.strategies import check_pruner, check_sampler

Scalar = bool | int | float | str
Directions = Literal["maximize", "minimize"]
BEST_VAL_ACCURACY = "best_val_accuracy"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Objective(_Table):
    """A figure of a trial's run, and which way is better."""

    metric: str = Field(min_length=1)
    direction: Directions


class Strategy(_Table):
    """A sampler or pruner: a short name of ours, or a class of Optuna's, with its arguments."""

    name: str = Field(min_length=1)
    arguments: dict[str, Any] = Field(default_factory=dict)


class Sweep(_Table):
    """What a sweep file says.

    Attributes:
        job: What a trial runs.
        description: In words, for whoever reads the sweep's run.
        trials: How many in all.
        timeout: Seconds after which no further trial starts; 0 is no limit.
        seed: Of the sampler, and of every trial whose parameters have none.
        confirm: How many of the best trials are run again at the end.
        confirm_seeds: On how many further seeds each of them.
        retries: How often a trial is run again whose worker has died.
        objectives: One to be the best at, or several for a Pareto front.
        parameters: What every trial's job is given.
        space: What is searched, by the name that Optuna shows.
        start: Values to begin with, before the sampler chooses.
        sampler: How values are chosen.
        pruner: Which trials are ended early.
    """

    job: Literal["finetune", "train"] = "finetune"
    description: str = ""
    trials: int = Field(30, ge=1)
    timeout: float = Field(0, ge=0, allow_inf_nan=False)
    seed: int = Field(0, ge=0, lt=2**31)
    confirm: int = Field(3, ge=0)
    confirm_seeds: int = Field(3, ge=1)
    retries: int = Field(2, ge=0)
    objectives: tuple[Objective, ...] = Field(
        (Objective(metric=BEST_VAL_ACCURACY, direction="maximize"),), alias="objective", min_length=1
    )
    parameters: dict[str, Scalar] = Field(default_factory=dict)
    space: dict[str, Dimension] = Field(min_length=1)
    start: tuple[dict[str, Scalar], ...] = ()
    sampler: Strategy = Strategy(name="tpe")
    pruner: Strategy = Strategy(name="median")

    @field_validator("objectives", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        if isinstance(value, str):
            direction = (
                "minimize" if value.endswith(("loss", "seconds")) or value.startswith("parameters") else "maximize"
            )
            return ({"metric": value, "direction": direction},)
        return value

    @field_validator("sampler", "pruner", mode="before")
    @classmethod
    def _name_alone(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits_together(self) -> "Sweep":
        for name, dimension in self.space.items():
            parameter = dimension.parameter or name
            if parameter in self.parameters:
                message = f"{parameter} is in [parameters] and in [space]; expected it in one of them"
                raise ValueError(message)
            for other, _ in dimension.conditions:
                if other not in self.space:
                    message = f"space.{name}.when names {other}, which isn't searched.{did_you_mean(other, self.space)}"
                    raise ValueError(message)
        ordered(self.space)
        for values in self.start:
            for name in values:
                if name not in self.space:
                    message = f"start has {name}, which isn't searched.{did_you_mean(name, self.space)}"
                    raise ValueError(message)
                self.space[name].check(f"start.{name}", values[name])
        if len(self.objectives) > 1 and self.pruner.name != "none":
            message = (
                'several objectives can\'t be pruned: Optuna compares one value an epoch; expected pruner = "none"'
            )
            raise ValueError(message)
        check_sampler(self.sampler.name, self.sampler.arguments, grid_of(self.space))
        check_pruner(self.pruner.name, self.pruner.arguments)
        return self

    @property
    def metrics(self) -> tuple[str, ...]:
        """The objectives' names, in order."""
        return tuple(objective.metric for objective in self.objectives)

    def examples(self) -> Iterator[Mapping[str, Scalar]]:
        """Yield whole trials' values, beside what is fixed, such that each dimension is once at each of its ends."""
        for name, dimension in self.space.items():
            for value in dimension.ends():
                fixed = {other: condition.example(self.space[other]) for other, condition in dimension.conditions}
                yield {**self.parameters, **self._filled({**fixed, name: value})}

    def identity(self) -> dict[str, Any]:
        """Return what must be the same for trials to belong to one study, as JSON has it."""
        whole = self.model_dump(mode="json", by_alias=True)
        return {name: whole[name] for name in ("job", "objective", "parameters", "space")}

    def _filled(self, given: Mapping[str, Scalar]) -> dict[str, Scalar]:
        """Return values for all dimensions whose conditions hold, the least of what isn't given."""
        chosen: dict[str, Scalar] = {}
        for name in ordered(self.space):
            dimension = self.space[name]
            if all(other in chosen and condition.holds(chosen[other]) for other, condition in dimension.conditions):
                chosen[name] = given.get(name, dimension.ends()[0])
        return {self.space[name].parameter or name: value for name, value in chosen.items()}


def read_sweep(path: Path) -> Sweep:
    """Read and check a sweep file.

    Raises:
        SweepError: It is missing, no TOML, or says something that can't be; the message names the file, the key, what
            was expected and what came.
    """
    try:
        content = tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise SweepError(
            f"The sweep file '{path}' doesn't exist; expected a TOML file such as sweeps/smoke.toml."
        ) from None
    except OSError as error:
        raise SweepError(f"The sweep file '{path}' can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SweepError(f"The sweep file '{path}' isn't UTF-8 text; expected a TOML file.") from None
    except tomllib.TOMLDecodeError as error:
        raise SweepError(f"The sweep file '{path}' is no TOML: {error}.") from None
    try:
        return Sweep.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_sentence(detail) for detail in error.errors())
        raise SweepError(f"{path}: {problems}. docs/sweeps.md describes the keys.") from None


def _sentence(detail: ErrorDetails) -> str:
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        known = {**Sweep.model_fields, **Dimension.model_fields, "objective": None}
        return f"unknown key {key}.{did_you_mean(str(detail['loc'][-1]), known)}"
    if detail["type"] == "missing":
        return f"{key} is missing"
    message = detail["msg"].removeprefix("Value error, ")
    if not key or message.startswith(("space.", "start")):
        return message
    if detail["type"] == "value_error":
        return f"{key}: {message}"
    return f"{key}: {message[0].lower()}{message[1:]}, got {detail['input']!r}"
