"""Which trainings belong on one curve: all but one thing about them is the same."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from beauty_mlflow.evaluation.comparison.compared import Compared


@dataclass(frozen=True)
class Series:
    """Trainings that differ in one number alone.

    Attributes:
        label: What they have in common and other series of the same figure haven't.
        points: By that number, rising; of several trainings with one number, the one with the best val_accuracy.
        passed_over: How many trainings aren't points for that reason.
    """

    label: str
    points: dict[int, Compared]
    passed_over: int

    @property
    def any(self) -> Compared:
        """One of them, for what they have in common."""
        return next(iter(self.points.values()))

    @property
    def best(self) -> tuple[int, Compared]:
        """The number of the training with the best val_accuracy, and that training; of equal ones the first."""
        return max(self.points.items(), key=lambda point: point[1].val_accuracy.value)


def by_depth(compared: Iterable[Compared], *, least: int = 2) -> list[Series]:
    """Return the series in which only ``blocks`` differs, those with at least so many depths; the longest first.

    Learning rate and other settings may differ as well, as in a search: the best of a depth stands for it.
    """
    return _series(
        [one for one in compared if one.blocks is not None],
        lambda one: one.blocks or 0,
        lambda one: (one.pictures, one.train, one.network, one.recipe),
        least,
    )


def by_pictures(compared: Iterable[Compared]) -> list[Series]:
    """Return the series in which only the number of training pictures differs, those with several; the longest first.

    They have the validation pictures in common.
    """
    return _series(
        [one for one in compared if one.train_pictures],
        lambda one: one.train_pictures or 0,
        lambda one: (one.pictures, one.network, one.recipe, one.blocks),
        least=2,
    )


def by_data(series: Iterable[Series]) -> list[list[Series]]:
    """Gather the series whose validation pictures are the same."""
    found: dict[str, list[Series]] = {}
    for one in series:
        found.setdefault(one.any.pictures, []).append(one)
    return list(found.values())


def _series(
    compared: Sequence[Compared],
    number: Callable[[Compared], int],
    common: Callable[[Compared], object],
    least: int,
) -> list[Series]:
    groups: dict[object, list[Compared]] = {}
    for one in compared:
        groups.setdefault(common(one), []).append(one)
    found = [_one_series(members, number) for members in groups.values()]
    return sorted((series for series in found if len(series.points) >= least), key=lambda series: -len(series.points))


def _one_series(members: Sequence[Compared], number: Callable[[Compared], int]) -> Series:
    points: dict[int, Compared] = {}
    for one in sorted(members, key=lambda one: -one.val_accuracy.value):
        points.setdefault(number(one), one)
    return Series(_label(members[0]), dict(sorted(points.items())), len(members) - len(points))


def _label(one: Compared) -> str:
    return f"{one.network}, recipe {one.recipe}"
