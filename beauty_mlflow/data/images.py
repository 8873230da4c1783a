"""The only decoder: training, evaluation and serving see a picture through it.

A picture is an array of 8-bit RGB, uint8 [height, width, 3].
"""

import io
import os
import re
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from beauty_mlflow.data.decoder_limits import MAX_MEMORY, MAX_PIXELS, Budget, check_file, check_picture
from beauty_mlflow.data.regular import FarFile, open_regular
from beauty_mlflow.errors import ParameterError, PictureError

Array = npt.NDArray[np.uint8]
Resize = Literal["squash", "pad", "crop"]

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
WHITE = (255, 255, 255)

_SPARE = 2  # a picture is shrunk quickly to this many times the wanted size, then resized carefully
_STRIP_PIXELS = 2_000_000
_BUDGET = Budget(MAX_MEMORY)
_HEAD = 16  # bytes by which Pillow tells formats
_LARGEST_FACTOR = 32  # Pillow's reduce gets dark with much larger ones: white becomes 251 with 593
_UNKNOWN = f"it is no picture of a known format ({', '.join(FORMATS)})"
# what Pillow's decoders raise for damaged files
_DAMAGED = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)
# the EXIF standard's numbers; 1 is upright
_UPRIGHT = MappingProxyType(
    {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
)
_ON_ITS_SIDE = {_UPRIGHT[turned] for turned in (5, 6, 7, 8)}


@dataclass(frozen=True)
class Opened:
    """A decoded picture and what its file says of it.

    Attributes:
        picture: RGB and upright; where the file's picture is much larger than was asked for, shrunk.
        kind: The file's format, one of ``FORMATS``.
        mode: How the file keeps its pixels, as Pillow names it: L is grey, P a palette, RGBA has transparency.
        width: Of the upright picture before any shrinking, in pixels.
        height: As ``width``.
    """

    picture: Image.Image
    kind: str
    mode: str
    width: int
    height: int


def decode(source: bytes | Path | FarFile) -> Array:
    """Decode a picture's first frame: EXIF orientation applied, transparency over white, 16 bit scaled to 8.

    Args:
        source: A file's content, or its path.

    Returns:
        uint8 [height, width, 3].

    Raises:
        PictureError: It isn't a regular file or no picture we read, is damaged, or asks for more than
            ``decoder_limits`` allows. The message is the reason alone.
    """
    return np.array(_open(source, None).picture)


def resize(picture: Array, size: int, how: Resize) -> Array:
    """Bring a picture to a square, bilinear with antialiasing.

    Args:
        picture: uint8 [height, width, 3].
        size: Side of the square, in pixels.
        how: squash ignores the aspect ratio, pad adds white borders, crop cuts the centre out.

    Returns:
        uint8 [size, size, 3].

    Raises:
        ParameterError: The size is below 1, or ``how`` is none of the three.
    """
    return np.array(_resized(Image.fromarray(picture), size, how))


def load(source: bytes | Path | FarFile, size: int, how: Resize) -> Array:
    """Decode and resize, in less time and memory than one after the other where the picture is large.

    Returns:
        uint8 [size, size, 3]: the same as ``resize(decode(source), size, how)``, but for pictures with both sides
        four times ``size`` or more, which are first averaged over whole blocks of pixels.

    Raises:
        PictureError: as ``decode``; ParameterError: as ``resize``.
    """
    return np.array(_resized(_open(source, size).picture, size, how))


def open_picture(source: bytes | Path | FarFile, size: int) -> Opened:
    """Decode in little time and memory: a picture of four times ``size`` or more a side is shrunk, to twice at least.

    Raises:
        PictureError: as ``decode``.
    """
    return _open(source, size)


def squash(picture: Image.Image, size: int) -> Array:
    """Return a decoded picture as ``load`` with squash would have: uint8 [size, size, 3]."""
    return np.array(_resized(picture, size, "squash"))


def read_picture(file: Path | FarFile) -> bytes:
    """Return a picture file's bytes; of a file on this machine that is none only the beginning is read.

    Raises:
        PictureError: as ``decode``.
    """
    if not isinstance(file, Path):
        return file.read_bytes()
    with open_regular(file) as stream:
        try:
            _check_head(stream.read(_HEAD))
            check_file(os.fstat(stream.fileno()).st_size)
            stream.seek(0)
            return stream.read()
        except OSError as error:
            raise PictureError((error.strerror or "can't be read").lower()) from None


def _open(source: bytes | Path | FarFile, size: int | None) -> Opened:
    if not isinstance(source, bytes | Path):
        with source.held() as content:
            return _open(content, size)
    content = source if isinstance(source, bytes) else read_picture(source)
    _check_head(content[:_HEAD])
    check_file(len(content))
    _silence_pillow()
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture, _BUDGET.take(check_picture(picture, content)):
            return _first_frame(picture, size)
    except Image.DecompressionBombError:
        raise PictureError(f"it has more than {MAX_PIXELS:,} pixels") from None
    except UnidentifiedImageError:  # though it begins like a picture
        raise PictureError("it can't be decoded: its header is damaged") from None
    except MemoryError:
        np.empty(MAX_MEMORY, np.uint8)  # where pictures can't have what they may take it isn't this one's fault
        raise PictureError("it can't be decoded: it asks for too much memory") from None
    except _DAMAGED as error:
        raise PictureError(f"it can't be decoded: {str(error) or type(error).__name__}") from None


def _check_head(head: bytes) -> None:
    if not head:
        raise PictureError("the file is empty")
    Image.init()
    if not any(accepts and accepts(head) for _, accepts in map(Image.OPEN.__getitem__, FORMATS)):
        raise PictureError(_UNKNOWN)


def _silence_pillow() -> None:
    # Not warnings.catch_warnings: where threads overlap in it, one restores what another has set.
    if ("ignore", None, Warning, re.compile(r"PIL\."), 0) not in warnings.filters:
        warnings.filterwarnings("ignore", module=r"PIL\.")


def _first_frame(picture: Image.Image, size: int | None) -> Opened:
    (width, height), mode = picture.size, picture.mode
    if size:
        picture.draft(None, (_SPARE * size, _SPARE * size))  # JPEG alone can decode to a fraction of its size
    picture.load()
    colours = _shrunk(picture, _factor(picture, size) if size else 1)
    turn = _UPRIGHT.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    upright = colours if turn is None else colours.transpose(turn)
    if turn in _ON_ITS_SIDE:
        width, height = height, width
    return Opened(upright, picture.format or "", mode, width, height)


def _factor(picture: Image.Image, size: int) -> int:
    return max(1, min(min(picture.size) // (_SPARE * size), _LARGEST_FACTOR))


def _shrunk(picture: Image.Image, factor: int) -> Image.Image:
    """Convert to RGB and average over blocks of factor x factor pixels, a strip at a time to save memory."""
    width, height = picture.size
    if factor == 1 and width * height <= _STRIP_PIXELS:
        return _as_rgb(picture)
    rows = factor * max(1, _STRIP_PIXELS // (width * factor))
    small = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(top + rows, height)))
        small.paste(_as_rgb(strip).reduce(factor), (0, top // factor))
    return small


def _as_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16"):
        return _from_16_bit(picture)
    if picture.mode in ("I", "F"):
        raise PictureError("its pixels have 32 bits and no known range; expected 8 or 16 bits a channel")
    if picture.has_transparency_data:
        colours = picture.convert("RGBA")
        paper = Image.new("RGBA", colours.size, (*WHITE, 255))
        return Image.alpha_composite(paper, colours).convert("RGB")
    return picture.convert("RGB")


def _from_16_bit(picture: Image.Image) -> Image.Image:
    # Pillow's convert clips at 255 instead of scaling
    values = np.asarray(picture)
    gray = np.rint(values / np.float32(257)).astype(np.uint8)
    gray[values == picture.info.get("transparency", -1)] = 255
    return Image.fromarray(gray).convert("RGB")


def _resized(picture: Image.Image, size: int, how: Resize) -> Image.Image:
    if size < 1:
        raise ParameterError(f"the size of a picture is {size}; expected 1 pixel or more")
    bilinear = Image.Resampling.BILINEAR
    match how:
        case "squash":
            return picture.resize((size, size), bilinear)
        case "pad":
            return ImageOps.pad(picture, (size, size), bilinear, color=WHITE)
        case "crop":
            return ImageOps.fit(picture, (size, size), bilinear)
    raise ParameterError(f"unknown resize '{how}': expected squash, pad or crop")
