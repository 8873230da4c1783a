"""One dimension of a search: its values, and the conditions under which it is searched."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

import optuna
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Strict, Tag, model_validator

from beauty_mlflow.errors import did_you_mean

Scalar = bool | int | float | str
_EXACT = 2**53  # up to here a float holds every whole number


def _scalar(value: object) -> object:
    if not isinstance(value, bool | int | float | str) or (isinstance(value, float) and not math.isfinite(value)):
        message = f"expected true, false, a finite number or text, got {value!r}"
        raise ValueError(message)
    return value


Given = Annotated[Scalar, BeforeValidator(_scalar)]
Number = Annotated[float, Strict()]


class Table(BaseModel):
    """A table of a sweep file, without room for an unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Range(Table):
    """A condition on a number: at least ``min``, at most ``max``."""

    min: Number = -math.inf
    max: Number = math.inf

    def holds(self, value: Scalar) -> bool:
        """Return whether a value fulfils it."""
        return isinstance(value, int | float) and self.min <= value <= self.max

    def example(self, dimension: "Dimension") -> Scalar | None:
        """Return a value of the dimension that fulfils it, if there is one."""
        values = dimension.values if dimension.type == "choice" else dimension.least(self.min)
        return next(filter(self.holds, values), None)

    def check(self, name: str, dimension: "Dimension") -> None:
        """Raise ValueError unless some value of the dimension fulfils it."""
        if self.example(dimension) is None:
            message = f"{name} is never fulfilled: no value lies between {self.min:g} and {self.max:g}"
            raise ValueError(message)

    def joined(self, other: "Condition") -> "Condition":
        """Return what fulfils both."""
        if isinstance(other, Among):
            return other.joined(self)
        return Range(min=max(self.min, other.min), max=min(self.max, other.max))


@dataclass(frozen=True)
class Among:
    """A condition on any value: to be one of these."""

    values: tuple[Scalar, ...]

    def holds(self, value: Scalar) -> bool:
        """Return whether a value fulfils it."""
        return value in self.values

    def example(self, dimension: "Dimension") -> Scalar | None:  # noqa: ARG002 - as a range's
        """Return a value that fulfils it, if there is one."""
        return next(iter(self.values), None)

    def check(self, name: str, dimension: "Dimension") -> None:
        """Raise ValueError unless there are values, and all are the dimension's."""
        if not self.values:
            message = f"{name} is never fulfilled: expected a list with one or more values"
            raise ValueError(message)
        for value in self.values:
            dimension.check(name, value)

    def joined(self, other: "Condition") -> "Condition":
        """Return what fulfils both."""
        return Among(tuple(filter(other.holds, self.values)))


Condition = Range | Among


KINDS_OF_CONDITION = _RANGE, _AMONG = "condition-range", "condition-among"


def _kind(value: object) -> str | None:
    if isinstance(value, dict | Range):
        return _RANGE
    return _AMONG if isinstance(value, list | tuple) else None


_When = Annotated[
    Annotated[Range, Tag(_RANGE)] | Annotated[tuple[Given, ...], Tag(_AMONG)],
    Discriminator(
        _kind,
        custom_error_type="condition",
        custom_error_message="Expected a list of values, or a table with min and max",
    ),
]


class Dimension(Table):
    """One thing that is searched.

    Attributes:
        type: ``int`` and ``float`` take low and high, ``choice`` takes values.
        low: The least value.
        high: The greatest value, itself included.
        step: Between the values of an int or float; none is 1 for an int, and any value for a float.
        log: Whether factors matter rather than differences.
        values: What a choice is made of.
        parameter: The job's parameter; by default the dimension's own name.
        when: Conditions on other dimensions, by name: a list of values, or a table with min and max. Where one isn't
            fulfilled, the parameter isn't given.
        description: In words.
    """

    type: Literal["int", "float", "choice"]
    low: Number | None = None
    high: Number | None = None
    step: Number | None = Field(None, gt=0, allow_inf_nan=False)
    log: Annotated[bool, Strict()] = False
    values: tuple[Given, ...] = ()
    parameter: str = ""
    when: dict[str, _When] = Field(default_factory=dict)
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
        if len(set(self.values)) < len(self.values):
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
        if self.log and self.low <= 0:
            yield f"log needs low above 0, got {self.low:g}"
        if self.log and self.step:
            yield "log and step exclude each other"
        yield from self._problems_of_its_steps(self.low, self.high)

    def _problems_of_its_steps(self, low: float, high: float) -> Iterator[str]:
        step = self.step or 1
        if self.type == "int" and not all(_is_whole(number) for number in (low, high, step)):
            yield f"expected whole numbers for int, got low {low:g}, high {high:g}, step {step:g}"
        if not math.isfinite((high - low) / (self.step or 1)):
            yield f"the range is too large, got low {low:g}, high {high:g}"
        elif self.step and (high - low) / step > _EXACT:
            yield f"the step is too small, got {step:g} from {low:g} to {high:g}"
        elif self.step and not self._is_on_a_step(high):
            yield f"expected high to be reached from low in whole steps, got low {low:g}, high {high:g}, step {step:g}"

    @property
    def conditions(self) -> list[tuple[str, Condition]]:
        """The conditions, each with the name of the other dimension."""
        return [
            (name, condition if isinstance(condition, Range) else Among(condition))
            for name, condition in self.when.items()
        ]

    @property
    def distribution(self) -> Any:  # noqa: ANN401 - Optuna's
        """What Optuna draws from."""
        if self.type == "choice":
            return optuna.distributions.CategoricalDistribution(self.values)
        low, high = self._limits
        if self.type == "int":
            return optuna.distributions.IntDistribution(int(low), int(high), self.log, int(self.step or 1))
        return optuna.distributions.FloatDistribution(low, high, self.log, self.step)

    @property
    def _limits(self) -> tuple[float, float]:
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high

    @property
    def _steps(self) -> float | None:
        return self.step or (1 if self.type == "int" else None)

    def suggest(self, trial: Any, name: str) -> Scalar:  # noqa: ANN401 - optuna.Trial
        """Draw a value for a trial."""
        if self.type == "choice":
            value: Scalar = trial.suggest_categorical(name, self.values)
            return value
        low, high = self._limits
        if self.type == "int":
            value = trial.suggest_int(name, int(low), int(high), step=int(self.step or 1), log=self.log)
        else:
            value = trial.suggest_float(name, low, high, step=self.step, log=self.log)
        return value

    def ends(self) -> list[Scalar]:
        """Return the least and the greatest value, or all choices."""
        if self.type == "choice":
            return list(self.values)
        kind = int if self.type == "int" else float
        return list(dict.fromkeys(map(kind, self._limits)))

    def least(self, minimum: float) -> Iterator[Scalar]:
        """Yield the least value of an int or float that isn't below the minimum, if there is one."""
        low, high = self._limits
        if not minimum <= high:
            return
        if not self._steps:
            yield max(low, minimum)
            return
        index = max(0, math.ceil((minimum - low) / self._steps)) if minimum > low else 0
        yield self._at(index)

    def count(self) -> float:
        """Return how many values there are."""
        if self.type == "choice":
            return len(self.values)
        low, high = self._limits
        if low == high:
            return 1
        return round((high - low) / self._steps) + 1 if self._steps else math.inf

    def some(self) -> Iterator[Scalar]:
        """Yield every value; of a float without steps, its ends."""
        if self.type == "choice" or not self._steps:
            yield from self.ends()
        else:
            yield from map(self._at, range(int(self.count())))

    def check(self, name: str, value: Scalar) -> None:
        """Raise ValueError unless the value is one of the dimension's."""
        if self.type == "choice":
            fits = value in self.values
            expected = f"{', '.join(map(str, self.values))}.{did_you_mean(str(value), map(str, self.values))}"
        else:
            low, high = self._limits
            number = not isinstance(value, bool) and isinstance(value, int | float)
            fits = number and low <= value <= high and self._is_on_a_step(value)  # type: ignore[operator, arg-type]
            steps = f" in steps of {self.step:g}" if self.step else ""
            expected = f"{self.type} from {low:g} to {high:g}{steps}"
        if not fits:
            message = f"{name} is {value!r}; expected {expected}"
            raise ValueError(message)

    def _at(self, index: int) -> Scalar:
        """Return the value at so many steps from the least: as its digits say, without a float's rounding."""
        value = _decimal(self._limits[0]) + index * _decimal(self._steps or 0)
        return int(value) if self.type == "int" else float(value)

    def _is_on_a_step(self, value: float) -> bool:
        return not self._steps or (_decimal(value) - _decimal(self._limits[0])) % _decimal(self._steps) == 0


def _decimal(number: float) -> Decimal:
    return Decimal(repr(number))


def _is_whole(number: float) -> bool:
    return abs(number) <= _EXACT and float(number).is_integer()
