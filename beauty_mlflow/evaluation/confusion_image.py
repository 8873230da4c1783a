"""A confusion matrix as a small picture: one an epoch shows how a network learns to tell its classes apart."""

import numpy as np
import numpy.typing as npt

from beauty_mlflow.evaluation.confusion import row_shares

SIDE = 560  # pixels, at most; of one cell at least one


def confusion_image(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Draw the share of each true class that is taken for each class, dark blue (0) to yellow (all).

    Args:
        counts: int64 [classes, classes], row the true class, column the predicted one. A class without a picture
            has a dark row.

    Returns:
        uint8 [side, side, 3]; every cell is a square of the same size.
    """
    from matplotlib import colormaps

    cells = colormaps["cividis"](np.sqrt(row_shares(counts)), bytes=True)[:, :, :3]  # the root shows small shares
    cell = max(1, SIDE // len(counts))
    image: npt.NDArray[np.uint8] = cells.repeat(cell, axis=0).repeat(cell, axis=1)
    return image
