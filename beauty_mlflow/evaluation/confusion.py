"""Which class is taken for which."""

import numpy as np
import numpy.typing as npt

from beauty_mlflow.evaluation.predictions import PredictionTable


def row_shares(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the share of each true class that is taken for each class, float64 [classes, classes].

    A row sums to 1, or to 0 for a class without a picture.
    """
    shares: npt.NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def count_confusions(table: PredictionTable) -> npt.NDArray[np.int64]:
    """Count the pictures by true and predicted class.

    Returns:
        int64 [classes, classes]: row the true class, column the predicted one, over all classes, also those
        without a picture in the part. It sums to the number of pictures.
    """
    size = len(table.classes)
    cells = table.true.astype(np.int64) * size + table.predicted
    return np.bincount(cells, minlength=size * size).reshape(size, size)
