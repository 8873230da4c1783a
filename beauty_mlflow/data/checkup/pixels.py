"""Pictures that look wrong by themselves: blank, dark, nearly white, blurred, of an odd shape or size."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from beauty_mlflow.data.checkup.findings import Findings, exceeding
from beauty_mlflow.data.checkup.kinds import (
    BLANK,
    BLURRED,
    BRIGHT,
    DARK,
    GREYSCALE,
    LOW_INFORMATION,
    ODD_ASPECT_RATIO,
    ODD_SIZE,
)
from beauty_mlflow.data.duplicates.inspecting import Inspection

# the first two are cleanvision's; the others were set on real pictures (docs/decisions/cleanvision.md)
DARKEST = 0.32  # of 1, the brightness of the brightest 1 %
BRIGHTEST = 0.95  # of 1, the brightness of the darkest 5 %
ENTROPY = 2.0  # bits
SHARPNESS = 0.21  # of the contrast, from one pixel to the next of 64
ASPECT_RATIO = 0.35
PLAIN = 2  # of 255, between the values of a thumbnail of 16 x 16
COLOURLESS = 12  # of 255, between the channels of a thumbnail of 16 x 16
_FEW_GREY = 0.05  # of all pictures: more of them are no exception
_USUAL = 10  # per cent at either end that don't say what is usual
_FAR = 2  # times smaller or larger than what is usual


def blank_pictures(seen: Inspection) -> npt.NDArray[np.bool_]:
    """Return which pictures have one colour all over; bool [n]."""
    return _spread(seen) <= PLAIN


def grey_pictures(seen: Inspection) -> npt.NDArray[np.bool_]:
    """Return which pictures have no colour but aren't blank, however their files keep them; bool [n]."""
    return (_colour(seen) <= COLOURLESS) & ~blank_pictures(seen)


def pixel_findings(seen: Inspection) -> Iterator[Findings]:
    """Yield what is found of pictures one by one; of a blank one only that it is blank, and its shape."""
    measures, blank = seen.measures, blank_pictures(seen)
    yield exceeding(BLANK, blank, _spread(seen), PLAIN)
    yield exceeding(DARK, ~blank & (measures["bright_end"] < DARKEST), measures["bright_end"], DARKEST)
    yield exceeding(BRIGHT, ~blank & (measures["dark_end"] > BRIGHTEST), measures["dark_end"], BRIGHTEST)
    yield exceeding(LOW_INFORMATION, ~blank & (measures["entropy"] < ENTROPY), measures["entropy"], ENTROPY)
    yield exceeding(BLURRED, ~blank & (measures["sharpness"] < SHARPNESS), measures["sharpness"], SHARPNESS)
    if len(measures):
        yield _odd_ratios(measures)
        yield _odd_sizes(measures)
    grey = grey_pictures(seen)
    yield exceeding(GREYSCALE, grey & (grey.sum() <= _FEW_GREY * len(grey)), _colour(seen), COLOURLESS)


def _odd_ratios(measures: npt.NDArray[np.void]) -> Findings:
    width, height = (measures[name].astype(np.float64) for name in ("width", "height"))
    ratios = np.minimum(width, height) / np.maximum(width, height)
    limit = min(ASPECT_RATIO, float(np.percentile(ratios, _USUAL)) / _FAR)
    return exceeding(ODD_ASPECT_RATIO, ratios < limit, ratios, limit)


def _odd_sizes(measures: npt.NDArray[np.void]) -> Findings:
    sides = np.sqrt(measures["width"].astype(np.float64) * measures["height"])
    usual = np.percentile(sides, [_USUAL, 100 - _USUAL])
    small, large = float(usual[0]) / _FAR, float(usual[1]) * _FAR
    return exceeding(ODD_SIZE, (sides < small) | (sides > large), sides, f"{small:.0f} and {large:.0f}")


def _spread(seen: Inspection) -> npt.NDArray[np.float32]:
    spread: npt.NDArray[np.float32] = np.ptp(seen.thumbnails, axis=(1, 2)).max(axis=1, initial=0).astype(np.float32)
    return spread


def _colour(seen: Inspection) -> npt.NDArray[np.float32]:
    colour: npt.NDArray[np.float32] = np.ptp(seen.thumbnails, axis=3).max(axis=(1, 2), initial=0).astype(np.float32)
    return colour
