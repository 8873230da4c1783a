"""Which trainings belong on one curve: all but one thing about them is the same."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from beauty_mlflow.evaluation.comparison.compared import Compared

_TELLING: tuple[Callable[[Compared], str], ...] = (  # what is in a label only where it differs
    lambda one: f"weights {one.weights or 'unknown'}",
    lambda one: f"{one.image_size} pixels" if one.image_size else "unknown pixels",
    lambda one: f"unfreeze {one.unfreeze}" if one.unfreeze else "",
)


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
        lambda one: (one.pictures, one.train, trained_alike(one)),
        least,
    )


def by_pictures(compared: Iterable[Compared]) -> list[Series]:
    """Return the series in which only the number of training pictures differs, those with several; the longest first.

    They have the validation pictures in common.
    """
    return _series(
        [one for one in compared if one.train_pictures],
        lambda one: one.train_pictures or 0,
        lambda one: (one.pictures, trained_alike(one), one.blocks, one.unfreeze),
        least=2,
    )


def trained_alike(one: Compared) -> tuple[object, ...]:
    """Return what trainings have in common that differ in their data or depth alone."""
    return one.network, one.recipe, one.weights, one.image_size


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
    long = [series for series in found if len(series.points) >= least]
    return sorted(_told_apart(long), key=lambda series: -len(series.points))


def _told_apart(found: Sequence[Series]) -> Iterator[Series]:
    """Add to a label what tells it from equal ones of the same validation pictures."""
    alike: dict[tuple[str, str], list[Compared]] = {}
    for one in found:
        alike.setdefault((one.any.pictures, one.label), []).append(one.any)
    for one in found:
        others = alike[one.any.pictures, one.label]
        words = [tell(one.any) for tell in _TELLING if len({tell(other) for other in others}) > 1]
        yield replace(one, label=", ".join(filter(None, [one.label, *words])))


def _one_series(members: Sequence[Compared], number: Callable[[Compared], int]) -> Series:
    points: dict[int, Compared] = {}
    for one in sorted(members, key=lambda one: -one.val_accuracy.value):
        points.setdefault(number(one), one)
    return Series(_label(members[0]), dict(sorted(points.items())), len(members) - len(points))


def _label(one: Compared) -> str:
    return f"{one.network}, recipe {one.recipe}"
