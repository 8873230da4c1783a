"""What is searched: a dimension a parameter, and how a trial's values are drawn."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import optuna
from pydantic import BaseModel, ConfigDict, Field, model_validator

Scalar = bool | int | float | str


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Range(_Table):
    """A condition on a number: at least ``min``, at most ``max``."""

    min: float = -math.inf
    max: float = math.inf

    def holds(self, value: Scalar) -> bool:
        """Return whether a value fulfils it."""
        return isinstance(value, int | float) and self.min <= value <= self.max

    def example(self, dimension: "Dimension") -> Scalar:
        """Return a value of the dimension that fulfils it."""
        return next((value for value in dimension.some() if self.holds(value)), dimension.ends()[0])


class Among(_Table):
    """A condition on any value: to be one of these."""

    values: tuple[Scalar, ...] = Field(min_length=1)

    def holds(self, value: Scalar) -> bool:
        """Return whether a value fulfils it."""
        return value in self.values

    def example(self, dimension: "Dimension") -> Scalar:  # noqa: ARG002 - as a range's
        """Return a value that fulfils it."""
        return self.values[0]


class Dimension(_Table):
    """One thing that is searched.

    Attributes:
        type: ``int`` and ``float`` take low and high, ``choice`` takes values.
        low: The least value.
        high: The greatest value, itself included.
        step: Between the values of an int or float; none is 1 for an int, and no step for a float.
        log: Whether factors matter rather than differences.
        values: What a choice is made of.
        parameter: The job's parameter; by default the dimension's own name.
        when: Conditions on other dimensions, by name: a list of values, or a table with min and max. Where one isn't
            fulfilled, the parameter isn't given.
        description: In words.
    """

    type: Literal["int", "float", "choice"]
    low: float | None = None
    high: float | None = None
    step: float | None = Field(None, gt=0)
    log: bool = False
    values: tuple[Scalar, ...] = ()
    parameter: str = ""
    when: dict[str, Range | tuple[Scalar, ...]] = Field(default_factory=dict)
    description: str = ""

    @model_validator(mode="after")
    def _is_a_range_or_a_choice(self) -> "Dimension":
        message = self._problem()
        if message:
            raise ValueError(message)
        return self

    def _problem(self) -> str:
        problems = self._problems_of_a_choice() if self.type == "choice" else self._problems_of_a_range()
        return next(problems, "")

    def _problems_of_a_choice(self) -> Iterator[str]:
        extra = [name for name in ("low", "high", "step") if getattr(self, name) is not None]
        extra += ["log"] if self.log else []
        if extra:
            yield f"a choice has values alone, got {', '.join(extra)}"
        if not self.values:
            yield "a choice needs values: expected a list with one or more"
        if len(set(map(repr, self.values))) < len(self.values):
            yield f"expected different values, got {list(self.values)}"

    def _problems_of_a_range(self) -> Iterator[str]:
        if self.values:
            yield f"values belong to a choice; expected low and high for {self.type}"
        if self.low is None or self.high is None:
            yield f"{self.type} needs low and high"
            return
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            yield f"expected finite numbers, got low {self.low:g} and high {self.high:g}"
        if self.low > self.high:
            yield f"the range is empty: expected low <= high, got {self.low:g} and {self.high:g}"
        if self.type == "int" and not all(float(one).is_integer() for one in (self.low, self.high, self.step or 1)):
            yield f"expected whole numbers for int, got low {self.low:g}, high {self.high:g}, step {self.step or 1:g}"
        if self.log and self.low <= 0:
            yield f"log needs low above 0, got {self.low:g}"
        if self.log and self.step:
            yield "log and step exclude each other"

    @property
    def conditions(self) -> list[tuple[str, Range | Among]]:
        """The conditions, each with the name of the other dimension."""
        return [
            (name, condition if isinstance(condition, Range) else Among(values=condition))
            for name, condition in self.when.items()
        ]

    @property
    def distribution(self) -> Any:  # noqa: ANN401 - Optuna's
        """What Optuna draws from."""
        if self.type == "choice":
            return optuna.distributions.CategoricalDistribution(self.values)
        assert self.low is not None
        assert self.high is not None
        if self.type == "int":
            return optuna.distributions.IntDistribution(int(self.low), int(self.high), self.log, int(self.step or 1))
        return optuna.distributions.FloatDistribution(self.low, self.high, self.log, self.step)

    def suggest(self, trial: Any, name: str) -> Scalar:  # noqa: ANN401 - optuna.Trial
        """Draw a value for a trial."""
        if self.type == "choice":
            value: Scalar = trial.suggest_categorical(name, self.values)
        elif self.type == "int":
            value = trial.suggest_int(
                name, int(self.low or 0), int(self.high or 0), step=int(self.step or 1), log=self.log
            )
        else:
            value = trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)
        return value

    def ends(self) -> list[Scalar]:
        """Return the least and the greatest value, or all choices."""
        if self.type == "choice":
            return list(self.values)
        distribution = self.distribution
        return [distribution.low] if distribution.single() else [distribution.low, distribution.high]

    def some(self) -> Iterator[Scalar]:
        """Yield the values of an int or a choice, and the ends of a float."""
        if self.type == "int":
            distribution = self.distribution
            yield from range(distribution.low, distribution.high + 1, distribution.step)
        else:
            yield from self.ends()

    def grid(self, name: str) -> list[Scalar]:
        """Return all values, for a search of all of them.

        Raises:
            ValueError: It is a float without steps.
        """
        if self.type != "float":
            return list(self.some())
        if not self.step:
            message = f"space.{name} is a float without steps, which no grid can go through; expected step or a choice"
            raise ValueError(message)
        assert self.low is not None
        assert self.high is not None
        count = math.floor((self.high - self.low) / self.step + 1e-9)
        return [self.low + self.step * index for index in range(count + 1)]

    def check(self, name: str, value: Scalar) -> None:
        """Raise ValueError unless the value is one of the dimension's."""
        if self.type == "choice":
            fits = value in self.values
            expected = ", ".join(map(str, self.values))
        else:
            number = not isinstance(value, bool) and isinstance(value, int | float)
            fits = number and self.low <= value <= self.high and (self.type == "float" or float(value).is_integer())  # type: ignore[operator]
            expected = f"{self.type} from {self.low:g} to {self.high:g}"
        if not fits:
            message = f"{name} is {value!r}; expected {expected}"
            raise ValueError(message)


Space = Mapping[str, Dimension]


def grid_of(space: Space) -> dict[str, list[Scalar]] | str:
    """Return the grid of a space, or why there is none."""
    try:
        grid = {name: dimension.grid(name) for name, dimension in space.items()}
    except ValueError as error:
        return str(error)
    conditional = [name for name, dimension in space.items() if dimension.when]
    return f"space.{conditional[0]} has a condition, which no grid can follow" if conditional else grid


def draw(trial: Any, space: Space) -> dict[str, Scalar]:  # noqa: ANN401 - optuna.Trial
    """Draw a trial's values: the job's parameters by name, without those whose condition isn't fulfilled.

    Dimensions are drawn after those that their conditions name.
    """
    drawn: dict[str, Scalar] = {}
    for name in ordered(space):
        dimension = space[name]
        if all(other in drawn and condition.holds(drawn[other]) for other, condition in dimension.conditions):
            drawn[name] = dimension.suggest(trial, name)
    return {space[name].parameter or name: value for name, value in drawn.items()}


def ordered(space: Space) -> Sequence[str]:
    """Return the dimensions' names, each after those that its conditions name; otherwise as the file has them.

    Raises:
        ValueError: Conditions go round in a circle.
    """
    done: list[str] = []
    waiting = list(space)
    while waiting:
        ready = [name for name in waiting if all(other in done for other, _ in space[name].conditions)]
        if not ready:
            message = f"the conditions of {', '.join(waiting)} go round in a circle"
            raise ValueError(message)
        done += ready
        waiting = [name for name in waiting if name not in ready]
    return done


def differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return in words what differs between two nested tables, as JSON has them."""
    found: list[str] = []
    for name in dict.fromkeys(itertools.chain(before, now)):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{prefix}{name}.")
        elif old != new:
            found.append(f"{prefix}{name} was {_words(old)}, now {_words(new)}")
    return found


def _words(value: object) -> str:
    return "absent" if value is None else repr(value)
