"""Augmented views of pictures: one affine transformation a picture, a pure function of (picture, seed, view)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from beauty_mlflow.data.randomness import random_uniform
from beauty_mlflow.errors import ParameterError, did_you_mean

Augment = Literal["thesis", "light", "none"]
AUGMENTS: tuple[Augment, ...] = get_args(Augment)
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Ranges:
    """How far a picture is changed; each value is drawn uniformly.

    Attributes:
        rotation: Degrees, either way.
        shift: Fraction of the side, either way, for width and height separately.
        shear: Degrees, either way.
        zoom: Least and greatest factor; below 1 enlarges, as in Keras.
        zoom_each: Whether width and height have a zoom of their own.
        flip: Whether every second picture, on average, is mirrored left to right.
    """

    rotation: float
    shift: float
    shear: float
    zoom: tuple[float, float]
    zoom_each: bool
    flip: bool


# thesis: the arguments it gave to Keras's ImageDataGenerator, to which shear is an angle in degrees (so 0.2 is hardly
# any). light: ours, for products that are photographed upright and centred.
RANGES: Mapping[Augment, Ranges] = MappingProxyType(
    {
        "thesis": Ranges(rotation=40, shift=0.2, shear=0.2, zoom=(0.8, 1.2), zoom_each=True, flip=True),
        "light": Ranges(rotation=10, shift=0.05, shear=0, zoom=(0.9, 1.1), zoom_each=False, flip=True),
    }
)


_RESAMPLING = 1  # raise it whenever the same ranges give other pictures: what is kept of them is then made anew


def identity(augment: Augment) -> dict[str, object]:
    """Return what decides how pictures are augmented, beside the seed and the view; empty where they aren't."""
    if augment == "none":
        return {}
    return {"augment": augment, "ranges": asdict(RANGES[augment]), "resampling": _RESAMPLING}


@dataclass(frozen=True)
class Parameters:
    """What was drawn for n pictures; each float64 [n], ``flipped`` bool [n].

    Attributes:
        rotation: Radians.
        shift_x: Pixels.
        shift_y: Pixels.
        shear: Radians.
        zoom_x: A factor.
        zoom_y: A factor.
        flipped: Whether the picture is mirrored left to right.
    """

    rotation: npt.NDArray[np.float64]
    shift_x: npt.NDArray[np.float64]
    shift_y: npt.NDArray[np.float64]
    shear: npt.NDArray[np.float64]
    zoom_x: npt.NDArray[np.float64]
    zoom_y: npt.NDArray[np.float64]
    flipped: npt.NDArray[np.bool_]


def transforms(
    keys: npt.NDArray[np.uint64], *, size: int, augment: Augment, seed: int, view: int
) -> npt.NDArray[np.float32]:
    """Return each picture's transformation; it depends on its own key, the seed and the view alone.

    Args:
        keys: uint64 [n], what identifies each picture.
        size: Side of the pictures, in pixels.
        augment: Which ranges to draw from; ``none`` leaves the pictures as they are.
        seed: Of the run.
        view: Which version of the picture; epoch e, counted from 1, shows view e - 1.

    Returns:
        float32 [n, 8], rows as TensorFlow's ImageProjectiveTransformV3 takes them, and ``warping.warp``: from a
        position in the result to one in the picture. Past the border the nearest pixel counts, between pixels it is
        bilinear.

    Raises:
        ParameterError: ``augment`` is unknown.
    """
    if augment not in AUGMENTS:
        raise ParameterError(
            f"unknown augmentation '{augment}': expected one of {', '.join(AUGMENTS)}.{did_you_mean(augment, AUGMENTS)}"
        )
    if augment == "none":
        return np.tile(np.array(IDENTITY, np.float32), (len(keys), 1))
    return rows_of(draw(keys, RANGES[augment], size=size, seed=seed, view=view), size)


def draw(keys: npt.NDArray[np.uint64], ranges: Ranges, *, size: int, seed: int, view: int) -> Parameters:
    """Draw each picture's parameters from the ranges; arguments as for ``transforms``."""

    def uniform(which: int, low: float, high: float) -> npt.NDArray[np.float64]:
        return low + (high - low) * random_uniform(keys, seed, view, which)

    shift = ranges.shift * size
    return Parameters(
        rotation=np.deg2rad(uniform(0, -ranges.rotation, ranges.rotation)),
        shift_x=uniform(1, -shift, shift),
        shift_y=uniform(2, -shift, shift),
        shear=np.deg2rad(uniform(3, -ranges.shear, ranges.shear)),
        zoom_x=uniform(4, *ranges.zoom),
        zoom_y=uniform(5 if ranges.zoom_each else 4, *ranges.zoom),
        flipped=(uniform(6, 0, 1) < 0.5) & ranges.flip,  # noqa: PLR2004 - every second one
    )


def rows_of(drawn: Parameters, size: int) -> npt.NDArray[np.float32]:
    """Compose rotation, shift, shear and zoom about the centre, in Keras's order; then mirror the result.

    Keras multiplies the four matrices so, in the coordinates (x, y), each from the result to the picture.

    Args:
        drawn: n pictures' parameters.
        size: Side of the pictures, in pixels.

    Returns:
        float32 [n, 8].
    """
    cos, sin = np.cos(drawn.rotation), np.sin(drawn.rotation)
    mirror = np.where(drawn.flipped, -1.0, 1.0)
    xx = cos * drawn.zoom_x * mirror
    xy = -(cos * np.sin(drawn.shear) + sin * np.cos(drawn.shear)) * drawn.zoom_y
    yx = sin * drawn.zoom_x * mirror
    yy = (cos * np.cos(drawn.shear) - sin * np.sin(drawn.shear)) * drawn.zoom_y
    x = cos * drawn.shift_x - sin * drawn.shift_y
    y = sin * drawn.shift_x + cos * drawn.shift_y
    centre = size / 2 - 0.5
    zero = np.zeros_like(xx)
    rows = [xx, xy, centre + x - centre * (xx + xy), yx, yy, centre + y - centre * (yx + yy), zero, zero]
    return np.stack(rows, axis=1).astype(np.float32)
