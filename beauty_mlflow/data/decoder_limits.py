"""What a picture may ask of a decoder: told by its file and its header, before anything is decoded.

A file of a few kilobytes can ask for gigabytes or for minutes.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from beauty_mlflow.errors import PictureError

MAX_PIXELS = 100_000_000
MAX_SIDE = 1_000_000  # pixels
MAX_FILE = 200_000_000  # bytes
MAX_MEMORY = 460_000_000  # bytes that pictures take while they are decoded, all threads together
MAX_SCANS = 200  # of a JPEG: encoders write a dozen, and a decoder goes over the whole picture for each
MAX_PACKED = 3_000_000  # pixels of a BMP in run-length code, which Pillow unpacks in Python: a run takes microseconds
STRIPS_FROM = 2048  # pixels of the shorter side from which on a picture is shrunk while its colours are converted

_STORED = MappingProxyType({"1": 1, "L": 1, "P": 1, "I;16": 2})  # bytes a pixel, by Pillow's mode; 4 of the others
_RGB = 4  # bytes a pixel, as Pillow keeps them
_WEBP = 16  # bytes a pixel: libwebp keeps two frames, Pillow copies what it gives
_COEFFICIENT = 2  # bytes
_SEVERAL_FROM = 10_000_000  # pixels from which on a JPEG's scans matter for memory
_BITS, _ROWS_A_STRIP, _TILE_WIDTH, _TILE_HEIGHT = 258, 278, 322, 323  # TIFF's tags
_MARK = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # JPEG's, but those that stand within a scan
_SCAN, _END = 0xDA, 0xD9


def check_file(size: int) -> None:
    """Raise PictureError where a file of so many bytes is too large."""
    if size > MAX_FILE:
        raise PictureError(f"the file has {size:,} bytes; expected at most {MAX_FILE:,}")


def check_picture(picture: Any, content: bytes) -> int:  # noqa: ANN401 - Pillow's classes know more than Image says
    """Return how many bytes a picture takes at most until it is a small one, its file included.

    Args:
        picture: Opened and not yet decoded.
        content: Its file.

    Raises:
        PictureError: It asks for too much; the message says how much and what is allowed.
    """
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise PictureError(f"it has {width} x {height} pixels; expected at most {MAX_PIXELS:,}")
    if max(width, height) > MAX_SIDE:
        raise PictureError(f"it has {width} x {height} pixels; expected at most {MAX_SIDE:,} a side")
    if picture.format == "BMP" and picture.info.get("compression") and width * height > MAX_PACKED:
        raise PictureError(f"it has {width} x {height} pixels in run-length code; expected at most {MAX_PACKED:,}")
    if _is_jpeg(picture) and content.count(bytes([0xFF, _SCAN])) > MAX_SCANS and (found := _scans(content)) > MAX_SCANS:
        raise PictureError(f"it has {found:,} scans; expected at most {MAX_SCANS}")
    needed = _bytes_needed(picture, content)
    if needed > MAX_MEMORY:
        raise PictureError(
            f"decoding its {width} x {height} pixels would take {needed / 1e6:,.0f} MB of memory; expected at most "
            f"{MAX_MEMORY / 1e6:.0f}"
        )
    return needed


class Budget:
    """A number of bytes that threads share; whoever wants more than is left waits."""

    def __init__(self, total: int) -> None:
        self._left = total
        self._given_back = threading.Condition()

    @contextmanager
    def take(self, wanted: int) -> Iterator[None]:
        """Hold so many bytes, which mustn't be more than there are in all."""
        with self._given_back:
            self._given_back.wait_for(lambda: wanted <= self._left)
            self._left -= wanted
        try:
            yield
        finally:
            with self._given_back:
                self._left += wanted
                self._given_back.notify_all()


def _bytes_needed(picture: Any, content: bytes) -> int:  # noqa: ANN401 - as above
    pixels = picture.width * picture.height
    converted = _RGB if min(picture.size) < STRIPS_FROM else 0
    each: float = _STORED.get(picture.mode, _RGB) + converted
    if picture.format == "WEBP":
        each = _WEBP + converted
    elif _is_jpeg(picture) and (picture.info.get("progressive") or (pixels > _SEVERAL_FROM and _scans(content) > 1)):
        each += _coefficients(picture) * _COEFFICIENT
    buffer = _tiff_buffer(picture) if picture.format == "TIFF" else 0
    return len(content) + int(pixels * each) + buffer


def _is_jpeg(picture: Any) -> bool:  # noqa: ANN401 - as above
    return picture.format in ("JPEG", "MPO")


def _scans(jpeg: bytes) -> int:
    """Return how many scans a JPEG has up to its end; those of pictures in its segments or after it don't count."""
    found, place = 0, 2
    while (mark := _MARK.search(jpeg, place)) and mark[0][1] != _END:
        found += mark[0][1] == _SCAN
        place = mark.end() + int.from_bytes(jpeg[mark.end() : mark.end() + 2])
    return found


def _coefficients(picture: Any) -> float:  # noqa: ANN401 - as above
    """Return how many a pixel has in a JPEG of several scans: libjpeg keeps them all."""
    sampled = [across * down for _, across, down, _ in picture.layer]
    return float(sum(sampled) / max(1, *sampled))


def _tiff_buffer(picture: Any) -> int:  # noqa: ANN401 - as above
    """Return the bytes of a strip or tile, of which libtiff unpacks one at a time; Pillow reads a raw one itself."""
    if picture.info.get("compression") == "raw":
        return 0
    tags = picture.tag_v2
    if _TILE_WIDTH in tags:
        area = tags[_TILE_WIDTH] * tags[_TILE_HEIGHT]
    else:
        area = picture.width * min(tags.get(_ROWS_A_STRIP, picture.height), picture.height)
    return int(area * sum(tags.get(_BITS, (1,))) // 8)
