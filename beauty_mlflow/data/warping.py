"""Pictures resampled by affine transformations, with OpenCV: one pass for rotation, shift, shear, zoom and flip."""

import cv2
import numpy as np
import numpy.typing as npt

from beauty_mlflow.cache.keys import Rows
from beauty_mlflow.data.row_calls import RowSource

Images = npt.NDArray[np.float32]

cv2.setNumThreads(1)  # several pictures at once are moved by the threads that read them


class Warped:
    """Another source's pictures, each moved by a transformation of its own when it is read.

    Args:
        source: Gives pictures, uint8 [side, side, 3].
        transforms: float32 [n, 8], a row a picture, as ``augmentation.transforms`` gives them.
    """

    def __init__(self, source: RowSource, transforms: npt.NDArray[np.float32]) -> None:
        self._source, self._transforms = source, transforms
        self.rows = Rows(source.rows.count, source.rows.shape, "float32")

    def read(self, indices: npt.NDArray[np.int64]) -> Images:
        """Return the pictures of these numbers; float32 [m, side, side, 3]. Errors are the source's."""
        return warp(self._source.read(indices), self._transforms[indices])


def warp(images: npt.NDArray[np.uint8] | Images, transforms: npt.NDArray[np.float32]) -> Images:
    """Move pictures in 0..255; float32 [m, side, side, 3], not rounded.

    Args:
        images: [m, side, side, 3].
        transforms: float32 [m, 8], as ``augmentation.transforms`` gives them.
    """
    moved = np.empty(images.shape, np.float32)
    height, width = images.shape[1:3]
    for image, row, result in zip(images, transforms, moved, strict=True):
        cv2.warpAffine(
            image.astype(np.float32),
            row[:6].reshape(2, 3).astype(np.float64),
            (width, height),
            dst=result,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return moved
