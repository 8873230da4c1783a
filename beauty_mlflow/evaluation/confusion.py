"""Which class is taken for which."""

import numpy as np
import numpy.typing as npt

from beauty_mlflow.evaluation.predictions import PredictionTable


def count_confusions(table: PredictionTable) -> npt.NDArray[np.int64]:
    """Count the pictures by true and predicted class.

    Returns:
        int64 [classes, classes]: row the true class, column the predicted one, over all classes, also those
        without a picture in the part. It sums to the number of pictures.
    """
    size = len(table.classes)
    cells = table.true.astype(np.int64) * size + table.predicted
    return np.bincount(cells, minlength=size * size).reshape(size, size)
