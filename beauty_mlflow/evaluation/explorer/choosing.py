"""Which pictures are most worth a look."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from beauty_mlflow.evaluation.predictions import PredictionTable

RIGHT_ONES = 3  # of each class, before the long tail of wrong ones

Rows = npt.NDArray[np.int64]


def order_by_cell(table: PredictionTable) -> Rows:
    """Return the table's rows by true class, predicted class and falling probability of the latter."""
    confidence = table.probabilities.max(axis=1)
    return np.lexsort((-confidence, table.predicted, table.true)).astype(np.int64)


def by_worth(table: PredictionTable, finds: Mapping[str, Rows]) -> Rows:
    """Return the table's rows, each once, the most wanted first.

    First the finds, then the three most probable right ones of each class, then the wrong ones (the first of each
    cell before the second of any, full cells before others), at last the other right ones.

    Args:
        table: The predictions.
        finds: Rows of the table.
    """
    order = order_by_cell(table)
    true, predicted = table.true[order].astype(np.int64), table.predicted[order].astype(np.int64)
    cell = true * len(table.classes) + predicted
    _, first, inverse, size = np.unique(cell, return_index=True, return_inverse=True, return_counts=True)
    rank = np.arange(len(order)) - first[inverse]
    tier = np.where(true == predicted, np.where(rank < RIGHT_ONES, 1, 3), 2)
    found = np.concatenate([np.zeros(0, np.int64), *finds.values()])
    tier[np.isin(order, found)] = 0
    return order[np.lexsort((-size[inverse], rank, tier))]
