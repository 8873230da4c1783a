"""What accuracy a model has once classes are merged, before anyone trains again: probabilities are summed."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from beauty_mlflow.evaluation.grouping.merges import Merge
from beauty_mlflow.evaluation.predictions import PredictionTable

REPETITIONS = 100  # random groupings

Hits = npt.NDArray[np.int64]


def hits_after(table: PredictionTable, merges: Sequence[Merge], order: Sequence[int] | None = None) -> Hits:
    """Count the right answers after 0, 1, … merges.

    A group's probability is the sum of its classes'; of equally probable groups the one with the first class is the
    answer.

    Args:
        table: The predictions.
        merges: In their order.
        order: A permutation of the classes: class i's place in the merges is taken by class order[i]. So the groups get
            other members, and keep their sizes.

    Returns:
        int64 [len(merges) + 1].
    """
    return _Answers(table).hits(merges, range(len(table.classes)) if order is None else order)


def hits_at_random(table: PredictionTable, merges: Sequence[Merge], *, seed: int = 0) -> Hits:
    """Count the right answers with random groups of the same sizes.

    Returns:
        int64 [REPETITIONS, len(merges) + 1]; the same seed gives the same.
    """
    random = np.random.default_rng(seed)
    answers, n = _Answers(table), len(table.classes)
    return np.stack([answers.hits(merges, random.permutation(n).tolist()) for _ in range(REPETITIONS)])


class _Answers:
    """What the model says before any merge; a merge changes the answers of those alone that its sum wins."""

    def __init__(self, table: PredictionTable) -> None:
        self._columns = np.ascontiguousarray(table.probabilities.T, np.float64)
        self._true, self._first = table.true, self._columns.argmax(axis=0)
        self._largest = self._columns.max(axis=0)
        self._tied = np.flatnonzero((self._columns == self._largest).sum(axis=0) > 1)

    def hits(self, merges: Sequence[Merge], order: Sequence[int]) -> Hits:
        place = np.empty(len(order), np.int64)
        place[list(order)] = np.arange(len(order))
        groups = [self._columns[label] for label in order]
        true, answer, largest = place[self._true], self._first_of_best(place), self._largest
        hits = [int((answer == true).sum())]
        for merge in merges:
            left, right = merge.left[0], merge.right[0]
            groups[left] = groups[left] + groups[right]
            true[true == right] = left
            answer[answer == right] = left
            answer[(groups[left] > largest) | ((groups[left] == largest) & (left < answer))] = left
            largest = np.maximum(largest, groups[left])
            hits.append(int((answer == true).sum()))
        return np.array(hits)

    def _first_of_best(self, place: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        answer: npt.NDArray[np.int64] = place[self._first]
        best = self._columns[:, self._tied] == self._largest[self._tied]
        answer[self._tied] = np.where(best, place[:, None], len(place)).min(axis=0)
        return answer
