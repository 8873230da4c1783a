"""What is measured of one picture while it is decoded: what its file says, and a few properties of its pixels."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from beauty_mlflow.data.images import FORMATS, Opened

_WEIGHTS = np.array([0.241, 0.691, 0.068], np.float32)  # of red², green² and blue² in the brightness that is seen
_STEEPEST = 0.002  # the share of differences between neighbours that a picture's edges are judged by
_MODE_LENGTH = 8


class Measuring:
    """Measures a picture on a copy of 64 x 64 pixels; a smaller one isn't enlarged, as that would blur it.

    dark_end, bright_end: the brightness, 0 to 1, that 5 % and 99 % of the pixels stay below; as cleanvision has them,
    √(0.241 red² + 0.691 green² + 0.068 blue²).
    entropy: Shannon's, of the histogram of the values, in bits (0 to 9.6); also as in cleanvision.
    sharpness: how steep the steepest edges are: the 99.8th percentile of the differences between neighbouring pixels as
    a share of the contrast, 0 to 1. White paper round a product doesn't change it.
    """

    dtype = np.dtype(
        [
            ("kind", f"U{max(map(len, FORMATS))}"),
            ("mode", f"U{_MODE_LENGTH}"),
            ("width", "i4"),
            ("height", "i4"),
            ("dark_end", "f4"),
            ("bright_end", "f4"),
            ("entropy", "f4"),
            ("sharpness", "f4"),
        ]
    )

    def __call__(self, opened: Opened, squashed: npt.NDArray[np.uint8]) -> tuple[Any, ...]:
        """Return the values of the dtype's fields; ``squashed`` is the picture as uint8 [64, 64, 3]."""
        is_small = min(opened.picture.size) < len(squashed)
        small = _shrunk(opened.picture, len(squashed)) if is_small else Image.fromarray(squashed)
        file = opened.kind, opened.mode, opened.width, opened.height
        return *file, *_brightness(np.asarray(small)), small.entropy(), _sharpness(np.asarray(small.convert("L")))


def _shrunk(picture: Image.Image, side: int) -> Image.Image:
    width, height = (min(pixels, side) for pixels in picture.size)
    return picture.resize((width, height), Image.Resampling.BILINEAR)


def _brightness(pixels: npt.NDArray[np.uint8]) -> tuple[float, float]:
    values = np.square(pixels.reshape(-1, 3).astype(np.float32)) @ _WEIGHTS
    ends = [round(share * (len(values) - 1)) for share in (0.05, 0.99)]
    dark, bright = np.sqrt(np.partition(values, ends)[ends]) / 255
    return float(dark), float(bright)


def _sharpness(grey: npt.NDArray[np.uint8]) -> float:
    values = grey.astype(np.int16)
    steps = np.abs(np.concatenate([np.diff(values, axis=axis).ravel() for axis in (0, 1)]))
    contrast = int(grey.max()) - int(grey.min())
    if not contrast:
        return 0.0
    steepest = len(steps) - 1 - int(_STEEPEST * len(steps))
    return float(np.partition(steps, steepest)[steepest]) / contrast
