"""What is searched: a dimension a parameter, and how a trial's values are drawn."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from beauty_mlflow.search.dimensions import Condition, Dimension, Scalar

MOST_POINTS = 10_000  # of a grid

Space = Mapping[str, Dimension]


def grid_of(space: Space) -> dict[str, list[Scalar]]:
    """Return every value of every dimension, for a search of all their combinations.

    Raises:
        ValueError: The space has no grid, or one with too many points.
    """
    for name, dimension in space.items():
        if dimension.when:
            message = f"space.{name} has a condition, which no grid can follow; expected another sampler"
            raise ValueError(message)
        if math.isinf(dimension.count()):
            message = f"space.{name} is a float without steps, which no grid can go through; expected step or a choice"
            raise ValueError(message)
    points = math.prod(dimension.count() for dimension in space.values())
    if points > MOST_POINTS:
        message = f"the grid has {points:g} points; expected at most {MOST_POINTS}: larger steps, or another sampler"
        raise ValueError(message)
    return {name: list(dimension.some()) for name, dimension in space.items()}


def draw(trial: Any, space: Space) -> dict[str, Scalar]:  # noqa: ANN401 - optuna.Trial
    """Draw a trial's values: the job's parameters by name, without those whose condition isn't fulfilled.

    Dimensions are drawn after those that their conditions name.
    """
    drawn: dict[str, Scalar] = {}
    for name in ordered(space):
        if is_searched(space[name], drawn):
            drawn[name] = space[name].suggest(trial, name)
    return by_parameter(drawn, space)


def is_searched(dimension: Dimension, drawn: Mapping[str, Scalar]) -> bool:
    """Return whether the values that were drawn before fulfil all conditions of a dimension."""
    return all(other in drawn and condition.holds(drawn[other]) for other, condition in dimension.conditions)


def by_parameter(drawn: Mapping[str, Scalar], space: Space) -> dict[str, Scalar]:
    """Return values by the job's parameters instead of by dimensions."""
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


def requirements(space: Space, name: str) -> dict[str, Condition]:
    """Return what must hold for a dimension to be searched, by dimension, those of its conditions' own included.

    Raises:
        ValueError: It can never hold.
    """
    found: dict[str, Condition] = {}
    for other, condition in space[name].conditions:
        condition.check(f"space.{name}.when.{other}", space[other])
        for place, one in [(other, condition), *requirements(space, other).items()]:
            found[place] = found[place].joined(one) if place in found else one
            if found[place].example(space[place]) is None:
                message = f"space.{name} is never searched: what it needs of {place} excludes itself"
                raise ValueError(message)
    return found


def exclude_each_other(space: Space, one: str, other: str) -> bool:
    """Return whether no trial can have both dimensions."""
    first, second = requirements(space, one), requirements(space, other)
    return any(
        first[place].joined(second[place]).example(space[place]) is None for place in first.keys() & second.keys()
    )


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
