"""What accuracy a model has once classes are merged, before anyone trains again: probabilities are summed."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from beauty_mlflow.evaluation.grouping.merges import Merge
from beauty_mlflow.evaluation.predictions import PredictionTable

REPETITIONS = 100  # random groupings

Floats = npt.NDArray[np.float64]
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
    order = range(len(table.classes)) if order is None else order
    columns = table.probabilities.astype(np.float64).T
    groups: list[Floats] = [columns[label] for label in order]
    place = np.empty(len(groups), np.int64)
    place[list(order)] = np.arange(len(groups))
    true = place[table.true]
    matrix = columns[list(order)]
    answer, largest = matrix.argmax(axis=0), matrix.max(axis=0)
    hits = [int((answer == true).sum())]
    for merge in merges:
        left, right = merge.left[0], merge.right[0]
        groups[left] = groups[left] + groups[right]
        true[true == right] = answer[answer == right] = left
        wins = (groups[left] > largest) | ((groups[left] == largest) & (left < answer))
        answer[wins] = left
        largest = np.maximum(largest, groups[left])
        hits.append(int((answer == true).sum()))
    return np.array(hits)


def hits_at_random(table: PredictionTable, merges: Sequence[Merge], *, seed: int = 0) -> Hits:
    """Count the right answers with random groups of the same sizes.

    Returns:
        int64 [REPETITIONS, len(merges) + 1]; the same seed gives the same.
    """
    random = np.random.default_rng(seed)
    orders = [random.permutation(len(table.classes)).tolist() for _ in range(REPETITIONS)]
    return np.stack([hits_after(table, merges, order) for order in orders])
