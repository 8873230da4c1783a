"""The pictures worth a look: those likely in the wrong class, the hardest, and those that could be either."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from beauty_mlflow.evaluation.predictions import PredictionTable

LISTED = 100  # of the hardest, and of the ambiguous
TORN = 0.2  # largest difference of the two best probabilities of an ambiguous picture
KINDS = ("mislabelled", "hardest", "ambiguous")

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Suspects:
    """Rows of a table that are worth a look, each in the first list that it fits.

    Attributes:
        mislabelled: int64 [a], likely in the wrong class, the surest first.
        hardest: int64 [b], wrongly answered, the least probability of their own class first; at most 100.
        ambiguous: int64 [c], the two best probabilities at most 0.2 apart, the closest first; at most 100.
    """

    mislabelled: Rows
    hardest: Rows
    ambiguous: Rows

    def __iter__(self) -> Iterator[tuple[str, Rows]]:
        return iter(zip(KINDS, (self.mislabelled, self.hardest, self.ambiguous), strict=True))


def find_suspects(table: PredictionTable, *, trained_on: bool = False) -> Suspects:
    """Find the pictures of a part that are worth a look.

    Args:
        table: The predictions.
        trained_on: Whether the model learned from these pictures and their labels. Then its probabilities are no
            evidence against a label, and none is called likely wrong.
    """
    own = own_probability(table)
    apart = margin(table)
    mislabelled = np.zeros(0, np.int64) if trained_on else find_mislabelled(table)
    free = np.ones(len(table), bool)
    free[mislabelled] = False
    hardest = _first(own, free & (table.predicted != table.true))
    free[hardest] = False
    return Suspects(mislabelled, hardest, _first(apart, free & (apart <= TORN)))


def find_mislabelled(table: PredictionTable) -> Rows:
    """Find the pictures that are likely in the wrong class, the surest first.

    Confident learning: a class's threshold is the mean probability of that class over its own pictures; a picture
    that passes another class's threshold counts as one of that class. Of each pair of classes as many pictures are
    taken as that count says, with the largest margins, if they are also among the least probable of their class.
    Nothing can be found for a class without pictures in the part, and nothing where only one class has any.

    Source: Northcutt et al. 2021, Confident Learning: Estimating Uncertainty in Dataset Labels; cleanlab's
    filter_by="both", sorted by its normalized margin.

    Args:
        table: Predictions of pictures that the model wasn't trained on.
    """
    present, labels = np.unique(table.true, return_inverse=True)
    if len(present) == 1:
        return np.zeros(0, np.int64)
    from cleanlab.filter import find_label_issues

    rows = probabilities(table)[:, present]  # cleanlab warns of classes without pictures, and of those with one
    found = find_label_issues(labels, rows, filter_by="both", min_examples_per_class=0, n_jobs=1)
    return _first(label_quality(table), np.asarray(found, bool), len(table))


def label_quality(table: PredictionTable) -> Scores:
    """Return how well each picture's label fits, float64 [n], 0 to 1: below 0.5 another class is more probable.

    Half of one more than the difference of the label's probability and the best other one's: cleanlab's normalized
    margin.
    """
    rows = probabilities(table)
    own = own_probability(table)
    rows[np.arange(len(table)), table.true] = -1
    quality: Scores = (own - np.maximum(rows.max(axis=1), 0) + 1) / 2
    return quality


def own_probability(table: PredictionTable) -> Scores:
    """Return the probability of each picture's own class, float64 [n]."""
    own: Scores = probabilities(table)[np.arange(len(table)), table.true]
    return own


def margin(table: PredictionTable) -> Scores:
    """Return by how much each picture's best probability is above its second best, float64 [n]."""
    rows = probabilities(table)
    if rows.shape[1] == 1:
        return rows[:, 0]
    best = np.partition(rows, -2, axis=1)[:, -2:]
    apart: Scores = best[:, 1] - best[:, 0]
    return apart


def entropy(table: PredictionTable) -> Scores:
    """Return the entropy of each picture's probabilities in nats, float64 [n]: 0 where one class has all."""
    rows = probabilities(table)
    summed: Scores = -(rows * np.log(np.where(rows > 0, rows, 1))).sum(axis=1)
    return np.maximum(summed, 0)


def probabilities(table: PredictionTable) -> Scores:
    """Return a table's probabilities as float64 [n, classes] whose rows sum to 1."""
    rows = np.maximum(table.probabilities.astype(np.float64), 0)
    sums: Scores = rows.sum(axis=1, keepdims=True)
    return rows / np.where(sums > 0, sums, 1)


def _first(scores: Scores, chosen: npt.NDArray[np.bool_], number: int = LISTED) -> Rows:
    """Return the chosen rows with the lowest scores, the lowest first; of equal ones in the table's order."""
    rows = np.flatnonzero(chosen)
    return rows[np.argsort(scores[rows], kind="stable")][:number].astype(np.int64)
