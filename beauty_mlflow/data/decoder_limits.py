"""What a picture may ask of a decoder: told by its file and its header, before anything is decoded.

A file of a few kilobytes can ask for gigabytes or for minutes.
"""

import re
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple

from beauty_mlflow.errors import PictureError

MAX_PIXELS = 100_000_000
MAX_SIDE = 1_000_000  # pixels
MAX_FILE = 200_000_000  # bytes
MAX_MEMORY = 460_000_000  # bytes that pictures take while they are decoded, their files included, all threads together
MAX_WAITING = 40_000_000  # bytes of files that are read and whose pictures wait to be decoded, all threads together
MAX_SCANS = 200  # of a JPEG: encoders write a dozen, and a decoder goes over the whole picture for each
MAX_PACKED = 3_000_000  # pixels of a BMP in run-length code, which Pillow unpacks in Python: a run takes microseconds
STRIPS_FROM = 2048  # pixels of the shorter side from which on a picture is shrunk while its colours are converted

_LARGE_FILE = 8_000_000  # bytes
_STORED = MappingProxyType({"1": 1, "L": 1, "P": 1, "I;16": 2})  # bytes a pixel, by Pillow's mode; 4 of the others
_RGB = 4  # bytes a pixel, as Pillow keeps them
_WEBP = 16  # bytes a pixel: libwebp keeps two frames, Pillow copies what it gives
_COEFFICIENT = 2  # bytes
_SEVERAL_FROM = 10_000_000  # pixels from which on a JPEG's scans matter for memory
_MARK = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # JPEG's, but those that stand within a scan
_SCAN, _END = 0xDA, 0xD9
# TIFF's tags, and what may say how large something is
_WIDTH, _HEIGHT, _BITS, _COLOURS, _ORIENTATION = 256, 257, 258, 262, 274
_SAMPLES, _ROWS_A_STRIP, _TILE_WIDTH, _TILE_HEIGHT = 277, 278, 322, 323
_SIZES = frozenset({_WIDTH, _HEIGHT, _BITS, _COLOURS, _SAMPLES, _ROWS_A_STRIP, _TILE_WIDTH, _TILE_HEIGHT})
_SHORT, _LONG = 3, 4
_YCBCR, _YCBCR_BITS = 6, 32  # libtiff gives such pixels as RGBA
# libtiff's view of a directory by how the file begins: the number of entries, and an entry's tag, type and count
_DIRECTORIES = MappingProxyType({b"II*\0": ("<H", "<HHI4x"), b"MM\0*": (">H", ">HHI4x"), b"II+\0": ("<Q", "<HHQ8x")})


def check_file(size: int, most: int | None = None) -> None:
    """Raise PictureError where a file of so many bytes is too large; ``most`` is ``MAX_FILE`` unless it is given."""
    limit = MAX_FILE if most is None else most
    if size > limit:
        raise PictureError(f"the file has {size:,} bytes; expected at most {limit:,}")


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


class _Room(NamedTuple):
    """Bytes for what is decoded, bytes for files that wait for it, and turns to wait with a large one."""

    pictures: int = 0
    files: int = 0
    turns: int = 0

    def less(self, taken: "_Room") -> "_Room":
        return _Room(*(one - other for one, other in zip(self, taken, strict=True)))


class Budget:
    """Bytes that threads share for pictures and their files; whoever wants more than is left waits.

    What a picture takes is known only when its file has been read. Till then a small file has room apart from that of
    the pictures; a large one is among them, one at a time. So nobody who holds what others want waits for one of them.

    Args:
        pictures: In all, for pictures that are decoded, and their files.
        files: In all, for small files that are read and wait.
        large: Of a file that isn't small any more.
    """

    def __init__(self, pictures: int = MAX_MEMORY, files: int = MAX_WAITING, large: int = _LARGE_FILE) -> None:
        self.large = large
        self._left = _Room(pictures, files, turns=1)
        self._given_back = threading.Condition()

    @contextmanager
    def hold(self) -> Iterator["Holding"]:
        """Give what a picture will hold of it, nothing at first, and take that back at the end."""
        holding = Holding(self)
        try:
            yield holding
        finally:
            holding.change(_Room())

    def exchange(self, held: _Room, wanted: _Room) -> None:
        """Wait until what is wanted can be had for what is held."""
        more = wanted.less(held)
        with self._given_back:
            self._given_back.wait_for(lambda: min(self._left.less(more)) >= 0)
            self._left = self._left.less(more)
            self._given_back.notify_all()


class Holding:
    """What one picture holds of a budget.

    Args:
        budget: The budget.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget, self._held = budget, _Room()

    def for_file(self, size: int) -> None:
        """Wait for room for a file of so many bytes, in place of what was held before."""
        self.change(_Room())
        self.change(_Room(files=size) if size < self._budget.large else _Room(pictures=size, turns=1))

    def for_picture(self, size: int) -> None:
        """Wait for room for a picture, its file included; so many bytes mustn't be more than there are in all."""
        self.change(_Room(pictures=size))

    def change(self, wanted: _Room) -> None:
        """Hold this instead of what is held."""
        self._budget.exchange(self._held, wanted)
        self._held = wanted


BUDGET = Budget()


def _bytes_needed(picture: Any, content: bytes) -> int:  # noqa: ANN401 - as above
    pixels = picture.width * picture.height
    stored = _STORED.get(picture.mode, _RGB)
    converted = _RGB if min(picture.size) < STRIPS_FROM else 0
    each: float = stored + converted
    if picture.format == "WEBP":
        each = _WEBP + converted
    elif _is_jpeg(picture) and (picture.info.get("progressive") or (pixels > _SEVERAL_FROM and _scans(content) > 1)):
        each += _coefficients(picture) * _COEFFICIENT
    elif picture.format == "TIFF" and picture.tag_v2.get(_ORIENTATION, 1) != 1:  # Pillow turns it as it loads it
        each += stored
    buffer = _tiff_buffer(picture, content) if picture.format == "TIFF" else 0
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


def _tiff_buffer(picture: Any, content: bytes) -> int:  # noqa: ANN401 - as above
    """Return the bytes of a strip or tile, of which libtiff unpacks one at a time; Pillow reads a raw one itself."""
    if picture.info.get("compression") == "raw":
        return 0
    tags = picture.tag_v2
    _check_directory(content, tags.offset)
    if _TILE_WIDTH in tags or _TILE_HEIGHT in tags:
        area = tags[_TILE_WIDTH] * tags[_TILE_HEIGHT]
    else:
        area = tags[_WIDTH] * min(tags.get(_ROWS_A_STRIP) or tags[_HEIGHT], tags[_HEIGHT])
    bits = tags.get(_BITS, (1,))
    a_pixel = max(bits) * max(len(bits), tags.get(_SAMPLES, 1))
    return int(area * max(a_pixel, _YCBCR_BITS if tags.get(_COLOURS) == _YCBCR else 0) // 8)


def _check_directory(tiff: bytes, place: int) -> None:
    """Raise PictureError where libtiff, which decodes, may find other sizes than Pillow, whose are compared.

    Of a tag that is there twice the one takes the first entry, the other the first whose type it knows; what has more
    values than it should the one ignores, and the other takes the first of them.
    """
    if tiff[:4] not in _DIRECTORIES:
        raise PictureError("its TIFF header is damaged")
    counter, entry = _DIRECTORIES[tiff[:4]]
    (entries,) = struct.unpack_from(counter, tiff, place)
    begin = place + struct.calcsize(counter)
    seen: set[int] = set()
    for tag, kind, count in struct.iter_unpack(entry, tiff[begin : begin + entries * struct.calcsize(entry)]):
        if tag in seen:
            raise PictureError(f"its TIFF directory has the tag {tag} twice; expected every tag once")
        seen.add(tag)
        if tag in _SIZES and (kind not in (_SHORT, _LONG) or (count != 1 and tag != _BITS)):
            raise PictureError(f"its TIFF tag {tag} has {count} values of type {kind}; expected one, SHORT or LONG")
