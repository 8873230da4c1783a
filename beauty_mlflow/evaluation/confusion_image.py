"""A confusion matrix as a small picture: one an epoch shows how a network learns to tell its classes apart."""

import numpy as np
import numpy.typing as npt

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

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cells = colormaps["cividis"](np.sqrt(shares), bytes=True)[:, :, :3]  # the root lets small shares be seen
    image: npt.NDArray[np.uint8] = np.kron(cells, np.ones((max(1, SIDE // len(counts)),) * 2 + (1,), np.uint8))
    return image
