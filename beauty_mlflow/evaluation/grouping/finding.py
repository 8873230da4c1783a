"""From predictions to groups, and what they are worth."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from beauty_mlflow.errors import DataError
from beauty_mlflow.evaluation.confusion import count_confusions
from beauty_mlflow.evaluation.grouping.accuracy import Hits, hits_after, hits_at_random
from beauty_mlflow.evaluation.grouping.agglomeration import Apart, agglomerate
from beauty_mlflow.evaluation.grouping.criterion import Lengths, description_lengths
from beauty_mlflow.evaluation.grouping.merges import Counts, Members, Merge, members_after
from beauty_mlflow.evaluation.grouping.naming import name_groups
from beauty_mlflow.evaluation.grouping.reachability import fewest_groups
from beauty_mlflow.evaluation.metrics import accuracy_interval
from beauty_mlflow.evaluation.predictions import PredictionTable

FEWEST = 2

Rule = Callable[[Counts, Apart, int], list[Merge]]
"""From the counts, the classes to keep apart and how many are to be left, to the merges in their order."""
_Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Grouping:
    """Groups, and every step beside those taken.

    Args:
        table: The predictions that they were found from.
        steps: All merges that are allowed, those beyond the groups included.
        taken: How many of them give the groups.
        lengths: float64 [len(steps) + 1], the description's length after each step, in nats.
        hits: int64 [len(steps) + 1], right answers after each step, probabilities being summed.
        at_random: int64 [repetitions, len(steps) + 1], the same with random groups of the same sizes.
        halves: Right answers where each half of the pictures is judged with as many groups found from the other half,
            which shows other things; None where a half has no picture.
    """

    table: PredictionTable
    steps: Sequence[Merge]
    taken: int
    lengths: Lengths
    hits: Hits
    at_random: Hits
    halves: int | None

    @property
    def classes(self) -> int:
        """How many classes are left, those in no group included."""
        return len(self.table.classes) - self.taken

    @property
    def merges(self) -> Sequence[Merge]:
        """The merges that were taken, in their order."""
        return self.steps[: self.taken]

    @property
    def unfounded(self) -> int:
        """How many of the merges join groups that weren't confused at all."""
        return sum(merge.confused == 0 for merge in self.merges)

    @cached_property
    def members(self) -> list[Members]:
        """The labels of each class that is left."""
        return members_after(self.merges, len(self.table.classes))

    @cached_property
    def groups(self) -> dict[str, list[str]]:
        """The class names of each group, by the group's name; classes that stay alone are left out."""
        names = self.table.classes
        merged = [[names[label] for label in labels] for labels in self.members if len(labels) > 1]
        return name_groups(merged, names)

    @property
    def largest_share(self) -> float:
        """The largest group's share of the pictures: the accuracy of always guessing it."""
        pictures = np.bincount(self.table.true, minlength=len(self.table.classes))
        return float(max(pictures[list(labels)].sum() for labels in self.members) / len(self.table))

    def accuracy(self, hits: float) -> dict[str, float]:
        """Return an accuracy with its 95 % interval."""
        low, high = accuracy_interval(round(hits), len(self.table))
        return {"accuracy": hits / len(self.table), "accuracy_low": low, "accuracy_high": high}

    @property
    def random_hits(self) -> npt.NDArray[np.int64]:
        """Right answers with each of the random groupings, [repetitions]."""
        return self.at_random[:, self.taken]

    @property
    def fewer_errors(self) -> float:
        """By which share the wrong answers are fewer than with random groups of the same sizes, on average."""
        wrong, at_random = len(self.table) - self.hits[self.taken], len(self.table) - self.random_hits.mean()
        return float(1 - wrong / at_random) if at_random else 0.0


def check_reachable(apart: Apart, classes: int) -> None:
    """Make sure that so many classes can be left; 0 stands for whatever number is best.

    Raises:
        DataError: They can't; the message says how few can.
    """
    n, fewest = len(apart), max(FEWEST, int(fewest_groups(apart).max()) + 1)
    if fewest >= n:
        raise DataError(
            f"nothing can be merged: the model has {n} classes; expected at least three, and two that the constraints "
            "let be in one group"
        )
    if classes and not fewest <= classes < n:
        why = "" if fewest == FEWEST else "; the constraints let no fewer be reached"
        raise DataError(
            f"{classes} classes can't be made of the model's {n}: expected {fewest} to {n - 1}{why}, or 0 for the "
            "number that describes the confusions best"
        )


def find_groups(
    table: PredictionTable,
    apart: Apart,
    classes: int,
    units: Sequence[Sequence[int]] = (),
    rule: Rule = agglomerate,
) -> Grouping:
    """Merge the classes that a model confuses.

    Args:
        table: Its predictions for the validation pictures, never the test's: the groups are chosen by them.
        apart: [n, n], which classes may not be in one group.
        classes: How many are to be left; 0 is the number with the shortest description (see ``criterion``).
        units: Rows whose pictures show one thing, copies or those of one product; a row in none is a thing by itself.
        rule: Orders the merges.

    Raises:
        DataError: So many can't be reached; or, with 0, no grouping describes the wrong answers better than none.
    """
    check_reachable(apart, classes)
    counts = count_confusions(table)
    n = len(counts)
    steps = rule(counts, apart, classes or n)[: n - FEWEST]
    lengths = description_lengths(counts, steps)
    taken = n - classes if classes else _shortest(lengths, steps)
    hits = hits_after(table, steps)
    halves = _hits_of_halves(table, _halves(table, units), apart, n - taken, rule)
    return Grouping(table, steps, taken, lengths, hits, hits_at_random(table, steps), halves)


def _shortest(lengths: Lengths, steps: Sequence[Merge]) -> int:
    founded = sum(merge.confused > 0 for merge in steps)  # those that aren't come last, and say nothing
    found = int(lengths[: founded + 1].argmin())
    if not found:
        raise DataError(
            "no grouping describes the wrong answers better than none does: they are too few, or go to all classes "
            "alike. Give classes, the number to be left, to merge even so."
        )
    return found


def _hits_of_halves(
    table: PredictionTable, halves: tuple[_Rows, _Rows], apart: Apart, classes: int, rule: Rule
) -> int | None:
    """Judge each half with groups from the other, which they were therefore not chosen by."""
    first, second = halves
    if not len(first) or not len(second):
        return None
    hits = 0
    for chosen_by, judged in ((first, second), (second, first)):
        merges = rule(count_confusions(_rows(table, chosen_by)), apart, classes)[: len(apart) - classes]
        hits += int(hits_after(_rows(table, judged), merges)[-1])
    return hits


def _halves(table: PredictionTable, units: Sequence[Sequence[int]]) -> tuple[_Rows, _Rows]:
    """Return the rows of both halves: each class is cut by path, as nearly in half as its units let it be.

    A unit goes to one half whole. Pictures of which nobody has said that they show one thing stand together by path.
    """
    unit_of = np.arange(len(table))
    for unit in units:
        unit_of[list(unit)] = unit[0]
    is_first: dict[int, bool] = {}
    for label in range(len(table.classes)):
        rows = sorted(np.flatnonzero(table.true == label).tolist(), key=lambda row: table.paths[row])
        wanted = (len(rows) + label % 2) // 2
        sizes = Counter(unit_of[rows].tolist())  # in the order of the paths
        taken = sum(size for unit, size in sizes.items() if is_first.get(unit))
        for unit, size in sizes.items():
            if unit not in is_first:
                is_first[unit] = taken + size / 2 <= wanted
                taken += size * is_first[unit]
    chosen = np.array([is_first[unit] for unit in unit_of.tolist()])
    return np.flatnonzero(chosen), np.flatnonzero(~chosen)


def _rows(table: PredictionTable, rows: _Rows) -> PredictionTable:
    paths = tuple(table.paths[row] for row in rows)
    return PredictionTable(paths, table.true[rows], table.probabilities[rows], table.classes)
