"""One look at every picture: does it decode, what are its bytes, what does it look like?"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image

from beauty_mlflow.data.images import Opened, open_picture, read_picture, squash
from beauty_mlflow.data.parallel import map_threads
from beauty_mlflow.data.sources.locations import Location, readers
from beauty_mlflow.errors import PictureError
from beauty_mlflow.progress import Progress

THUMBNAIL = 16  # pixels a side
_LOADED = 64  # pixels a side: enough for the hash, which looks at 32 x 32


class Measure(Protocol):
    """What else is measured of a picture while it is decoded anyway."""

    dtype: np.dtype[np.void]

    def __call__(self, opened: Opened, squashed: npt.NDArray[np.uint8]) -> tuple[Any, ...]:
        """Return the values of the dtype's fields for a picture and its copy of [64, 64, 3]; called by threads."""


@dataclass(frozen=True)
class Inspection:
    """What was seen of n pictures, in the order they were named.

    Attributes:
        reasons: Why a picture can't be used; empty where it can. Then the rest holds its values.
        sha256: Hex digests of the files.
        hashes: uint64 [n, 2], two perceptual hashes: of frequencies and of gradients.
        thumbnails: uint8 [n, 16, 16, 3].
        measures: [n], what else was measured; no fields where nothing was.
    """

    reasons: list[str]
    sha256: list[str]
    hashes: npt.NDArray[np.uint64]
    thumbnails: npt.NDArray[np.uint8]
    measures: npt.NDArray[np.void]

    def select(self, rows: Sequence[int]) -> "Inspection":
        """Return the inspection of some of the pictures."""
        return Inspection(
            [self.reasons[row] for row in rows],
            [self.sha256[row] for row in rows],
            self.hashes[list(rows)],
            self.thumbnails[list(rows)],
            self.measures[list(rows)],
        )


class _Look(NamedTuple):
    reason: str
    sha256: str = ""
    perceptual: tuple[int, int] = (0, 0)
    thumbnail: npt.NDArray[np.uint8] | None = None
    measures: tuple[Any, ...] = ()


def inspect_pictures(
    folder: Location, paths: Sequence[str], progress: Progress, measure: Measure | None = None
) -> Inspection:
    """Read, hash and decode every picture once, on all cores; about 1 KB a picture stays in memory."""
    found = Inspection(
        [""] * len(paths),
        [""] * len(paths),
        np.zeros((len(paths), 2), np.uint64),
        np.zeros((len(paths), THUMBNAIL, THUMBNAIL, 3), np.uint8),
        np.zeros(len(paths), measure.dtype if measure else np.dtype([])),
    )
    with progress("Reading pictures", len(paths)) as bar:
        for row, look in enumerate(map_threads(partial(_look, folder, measure), paths, readers(folder))):
            found.reasons[row] = look.reason
            if look.thumbnail is not None:
                found.sha256[row] = look.sha256
                found.hashes[row] = look.perceptual
                found.thumbnails[row] = look.thumbnail
                found.measures[row] = look.measures
            bar.update()
    return found


def perceive(picture: npt.NDArray[np.uint8]) -> tuple[tuple[int, int], npt.NDArray[np.uint8]]:
    """Return the two 64-bit perceptual hashes and the thumbnail of a picture of 64 x 64 pixels.

    The first is ``imagehash.phash``, the second ``dhash``: of symmetric drawings on white, coefficients that
    are nearly zero make the first unstable, and the second isn't.
    """
    drawn = Image.fromarray(picture)
    hashes = (_to_int(imagehash.phash(drawn)), _to_int(imagehash.dhash(drawn)))
    step = _LOADED // THUMBNAIL
    blocks = picture.reshape(THUMBNAIL, step, THUMBNAIL, step, 3).mean(axis=(1, 3))
    return hashes, np.rint(blocks).astype(np.uint8)


def _to_int(bits: imagehash.ImageHash) -> int:
    return int.from_bytes(np.packbits(bits.hash.ravel()).tobytes(), "big")


def _look(folder: Location, measure: Measure | None, path: str) -> _Look:
    try:
        with read_picture(folder / path) as read:
            opened, sha256 = open_picture(read, _LOADED), hashlib.sha256(read.content).hexdigest()
    except PictureError as error:
        return _Look(str(error))
    squashed = squash(opened.picture, _LOADED)
    measures = measure(opened, squashed) if measure else ()
    return _Look("", sha256, *perceive(squashed), measures)
