"""The pictures worth a look: those likely in the wrong class, the hardest, and those that could be either."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from beauty_mlflow.evaluation.predictions import PredictionTable

LISTED = 100  # of the hardest, and of the ambiguous
TORN = 0.2  # largest difference of the two best probabilities of an ambiguous picture
CHUNK = 4096  # rows scored at once; float64 of all the training pictures would take gigabytes
KINDS = ("mislabelled", "hardest", "ambiguous")

Rows = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int32]
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


def label_quality(table: PredictionTable, rows: Rows | None = None) -> Scores:
    """Return how well each picture's label fits, float64 [n], 0 to 1: below 0.5 another class is more probable.

    Half of one more than the difference of the label's probability and the best other one's: cleanlab's normalized
    margin. As the other scores, of all pictures or of these rows.
    """
    return _score(_label_quality, table, rows)


def own_probability(table: PredictionTable, rows: Rows | None = None) -> Scores:
    """Return the probability of each picture's own class, float64 [n]."""
    return _score(_own_probability, table, rows)


def margin(table: PredictionTable, rows: Rows | None = None) -> Scores:
    """Return by how much each picture's best probability is above its second best, float64 [n]."""
    return _score(_margin, table, rows)


def entropy(table: PredictionTable, rows: Rows | None = None) -> Scores:
    """Return the entropy of each picture's probabilities in nats, float64 [n]: 0 where one class has all."""
    return _score(_entropy, table, rows)


def probabilities(table: PredictionTable, rows: Rows | slice = slice(None)) -> Scores:
    """Return a table's probabilities as float64 [n, classes] whose rows sum to 1."""
    found = np.maximum(table.probabilities[rows].astype(np.float64), 0)
    sums: Scores = found.sum(axis=1, keepdims=True)
    return found / np.where(sums > 0, sums, 1)


def _score(score: Callable[[Scores, Labels], Scores], table: PredictionTable, rows: Rows | None) -> Scores:
    every = np.arange(len(table)) if rows is None else rows
    chunks = [every[start : start + CHUNK] for start in range(0, len(every), CHUNK)]
    scored = (score(probabilities(table, chunk), table.true[chunk]) for chunk in chunks)
    return np.concatenate([np.zeros(0), *scored])


def _own_probability(rows: Scores, true: Labels) -> Scores:
    own: Scores = rows[np.arange(len(rows)), true]
    return own


def _label_quality(rows: Scores, true: Labels) -> Scores:
    own = _own_probability(rows, true)
    rows[np.arange(len(rows)), true] = -1
    quality: Scores = (own - np.maximum(rows.max(axis=1), 0) + 1) / 2
    return quality


def _margin(rows: Scores, _true: Labels) -> Scores:
    if rows.shape[1] == 1:
        return rows[:, 0]
    best = np.partition(rows, -2, axis=1)[:, -2:]
    apart: Scores = best[:, 1] - best[:, 0]
    return apart


def _entropy(rows: Scores, _true: Labels) -> Scores:
    summed: Scores = -(rows * np.log(np.where(rows > 0, rows, 1))).sum(axis=1)
    return np.maximum(summed, 0)


def _first(scores: Scores, chosen: npt.NDArray[np.bool_], number: int = LISTED) -> Rows:
    """Return the chosen rows with the lowest scores, the lowest first; of equal ones in the table's order."""
    rows = np.flatnonzero(chosen)
    return rows[np.argsort(scores[rows], kind="stable")][:number].astype(np.int64)
