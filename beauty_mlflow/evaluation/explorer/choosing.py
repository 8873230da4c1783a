"""Which pictures deserve a thumbnail first."""

from collections.abc import Mapping

import numpy as np

from beauty_mlflow.evaluation.explorer.payload import Rows
from beauty_mlflow.evaluation.predictions import PredictionTable

RIGHT_ONES = 3  # of each class, before the long tail of wrong ones


def by_worth(table: PredictionTable, order: Rows, finds: Mapping[str, Rows]) -> list[int]:
    """Return all positions in ``order``, each once, the most wanted first.

    First the finds, then the three most probable right ones of each class, then the wrong ones (the first of each
    cell before the second of any, full cells before others), at last the other right ones.

    Args:
        table: The predictions.
        order: int64 [n], the table's rows cell by cell, as of ``payload.order_by_cell``.
        finds: Lists of positions.
    """
    true, predicted = table.true[order].astype(np.int64), table.predicted[order].astype(np.int64)
    cell = true * len(table.classes) + predicted
    _, first, inverse, size = np.unique(cell, return_index=True, return_inverse=True, return_counts=True)
    rank = np.arange(len(order)) - first[inverse]
    right = true == predicted
    tier = np.where(right, np.where(rank < RIGHT_ONES, 1, 3), 2)
    tier[[position for found in finds.values() for position in found]] = 0
    return [int(position) for position in np.lexsort((-size[inverse], rank, tier))]
