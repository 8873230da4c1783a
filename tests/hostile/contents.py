"""Contents of files that nobody expects in a folder of pictures, and what becomes of each.

A picture that a person would call one is read; anything else is left out with a reason.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from making import (
    empty_png,
    encode,
    gif,
    greedy_directory,
    noise,
    packed_bmp,
    plain_tiff,
    plain_webp,
    png,
    resized,
    segment,
    tiff,
    tiff_that_says_twice,
    tiled_tiff,
    with_scans,
    with_segments,
    zeros,
)
from PIL import Image, PngImagePlugin

DAMAGED = "it can't be decoded: "
UNKNOWN = "it is no picture of a known format"
TOO_LARGE = "pixels"
EMPTY = "the file is empty"


@dataclass(frozen=True)
class Content:
    """A file's content.

    Attributes:
        name: The file's.
        make: Returns its bytes.
        reason: Words of the reason for which it isn't used; empty where it is read.
    """

    name: str
    make: Callable[[], bytes]
    reason: str = ""


def _jpeg(seed, **options):
    return encode(noise(seed), "JPEG", quality=90, **options)


def _part(kind, share, seed=3):
    content = encode(noise(seed, 96), kind)
    return content[: int(len(content) * share)]


def _zip():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("run.sh", "echo here")
    return stream.getvalue()


def _turned(orientation, kind="JPEG"):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(noise(30 + orientation), kind, exif=exif)


def _moving(kind, **options):
    frames = [noise(60 + number) for number in range(3)]
    return encode(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **options)


def _corrupt_huffman():
    content = bytearray(encode(noise(90, 160), "JPEG"))
    content[-60:-40] = bytes(range(20))
    return bytes(content)


def _flipped_byte():
    content = bytearray(encode(noise(91, 160), "JPEG"))
    content[len(content) * 2 // 3] ^= 0x04
    return bytes(content)


def _bad_crc():
    content = bytearray(encode(noise(92)))
    content[content.index(b"IDAT") - 20] ^= 0xFF
    return bytes(content)


def _deep(channels):
    rows = b"".join(b"\0" + bytes(range(12 * channels)) for _ in range(6))
    return png((6, 6), 2 if channels == 3 else 0, 16, zlib.compress(rows))


def _palette():
    picture = noise(93).quantize(8)
    return encode(picture, transparency=bytes([0, 128, 255]))


def _texts(count, size):
    return png((1, 1), 0, 8, zlib.compress(b"\0\7"), [(b"zTXt", b"t\0\0" + zeros(size))] * count)


def _profile():
    return png((1, 1), 0, 8, zlib.compress(b"\0\7"), [(b"iCCP", b"p\0\0" + zeros(64_000_000))])


def _large_exif():
    exif = greedy_directory(4000, 900_000)
    parts = [exif[start : start + 65_000] for start in range(0, len(exif), 65_000)]
    return with_segments(_jpeg(94), *(segment(0xE1, b"Exif\0\0" + part) for part in parts))


def _large_profile():
    part = bytes(65_000)
    return with_segments(_jpeg(95), *(segment(0xE2, b"ICC_PROFILE\0" + bytes([n, 50]) + part) for n in range(1, 51)))


def _png_with_exif():
    exif = greedy_directory(4000, 200_000)
    return png((2, 2), 0, 8, zlib.compress(bytes(6)), [(b"eXIf", exif)])


def _box(brand):
    return struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + brand + b"mif1" + bytes(400)


def _commented():
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "<?php system($_GET['c']); ?>" * 20)
    return encode(noise(96), pnginfo=info)


def _bmp_of_zero_size():
    content = bytearray(encode(noise(97), "BMP"))
    content[18:26] = bytes(8)
    return bytes(content)


def _bmp_that_lies():
    content = bytearray(encode(noise(97), "BMP"))
    content[18:26] = struct.pack("<ii", 50_000, 50_000)
    return bytes(content)


def _lab():
    return encode(Image.fromarray(np.zeros((8, 8, 3), np.uint8), "LAB"), "TIFF")


_STRIP = bytes(range(256)) * 3

CONTENTS = (
    # cut off
    Content("half.jpg", lambda: _part("JPEG", 0.5), DAMAGED),
    Content("header only.jpg", lambda: _part("JPEG", 0.1), DAMAGED),
    Content("two bytes short.jpg", lambda: _jpeg(4)[:-2], DAMAGED),
    Content("half.png", lambda: _part("PNG", 0.5), DAMAGED),
    Content("half.webp", lambda: _part("WEBP", 0.5), DAMAGED),
    Content("half.gif", lambda: _part("GIF", 0.5), DAMAGED),
    Content("half.bmp", lambda: _part("BMP", 0.5), DAMAGED),
    Content("half.tiff", lambda: _part("TIFF", 0.5), DAMAGED),
    Content("sixteen bytes.jpg", lambda: _jpeg(4)[:16], DAMAGED),
    # no pictures at all
    Content("empty.jpg", lambda: b"", EMPTY),
    Content("text.jpg", lambda: b"just words\n", UNKNOWN),
    Content("page.jpg", lambda: b"<!doctype html><script>alert(1)</script>", UNKNOWN),
    Content("drawing.svg", lambda: b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', UNKNOWN),
    Content("paper.pdf", lambda: b"%PDF-1.4\n%%EOF\n", UNKNOWN),
    Content("script.eps", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(rm) run\n", UNKNOWN),
    Content("archive.jpg", _zip, UNKNOWN),
    Content("zeros.jpg", lambda: bytes(5000), UNKNOWN),
    Content("program", lambda: b"\x7fELF" + bytes(200), UNKNOWN),
    Content("mark.jpg", lambda: b"\xef\xbb\xbf\xff\xd8\xff", UNKNOWN),
    # formats that aren't read
    Content("real.avif", lambda: encode(noise(5), "AVIF"), UNKNOWN),
    Content("photograph.avif", lambda: encode(noise(5).resize((4000, 3000)), "AVIF", speed=10), UNKNOWN),
    Content("avif.jpg", lambda: encode(noise(6), "AVIF"), UNKNOWN),
    Content("box.avif", lambda: _box(b"avif"), UNKNOWN),
    Content("box.heic", lambda: _box(b"heic"), UNKNOWN),
    Content("wavelets.jp2", lambda: encode(noise(7), "JPEG2000"), UNKNOWN),
    Content("icon.ico", lambda: encode(noise(8), "ICO"), UNKNOWN),
    Content("old.pcx", lambda: encode(noise(9), "PCX"), UNKNOWN),
    Content("layers.psd", lambda: b"8BPS\0\1" + bytes(200), UNKNOWN),
    Content("xl.jxl", lambda: b"\xff\x0a" + bytes(60), UNKNOWN),
    # two things at once
    Content("picture and archive.jpg", lambda: _jpeg(10) + _zip()),
    Content("page in a comment.jpg", lambda: with_segments(_jpeg(11), segment(0xFE, b"<script>alert(1)</script>"))),
    Content("code in a text.png", _commented),
    Content("picture and script.gif", lambda: encode(noise(12), "GIF") + b"=1;alert(1)//"),
    Content("picture twice.jpg", lambda: _jpeg(13) + _jpeg(14)),
    Content("archive and picture.jpg", lambda: _zip() + _jpeg(15), UNKNOWN),
    # names that say something else
    Content("png.jpg", lambda: encode(noise(16))),
    Content("jpeg.png", lambda: _jpeg(17)),
    Content("webp.bmp", lambda: encode(noise(18), "WEBP")),
    Content("gif.jpeg", lambda: encode(noise(19), "GIF")),
    Content("tiff.jpg", lambda: encode(noise(20), "TIFF")),
    Content("bmp.txt", lambda: encode(noise(21), "BMP")),
    Content("no ending", lambda: _jpeg(22)),
    Content("UPPER.JPEG", lambda: _jpeg(23)),
    # pixels of every kind
    Content("cmyk.jpg", lambda: encode(noise(24).convert("CMYK"), "JPEG")),
    Content("cmyk.tiff", lambda: encode(noise(25).convert("CMYK"), "TIFF")),
    Content("grey.jpg", lambda: encode(noise(26).convert("L"), "JPEG")),
    Content("16 bit grey.png", lambda: _deep(1)),
    Content("16 bit colours.png", lambda: _deep(3)),
    Content("16 bit.tiff", lambda: encode(Image.fromarray(np.full((9, 9), 30_000, np.uint16)), "TIFF")),
    Content("1 bit.png", lambda: encode(noise(27).convert("1"))),
    Content("palette with transparency.png", _palette),
    Content("transparent.png", lambda: encode(Image.new("RGBA", (9, 9), (9, 8, 7, 0)))),
    Content("grey and transparent.png", lambda: encode(noise(28).convert("LA"))),
    Content("progressive.jpg", lambda: _jpeg(29, progressive=True)),
    Content("floats.tiff", lambda: encode(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"), "no known range"),
    Content("32 bit.tiff", lambda: encode(Image.fromarray(np.ones((4, 4), np.int32)), "TIFF"), "no known range"),
    Content("lab.tiff", _lab),
    *(Content(f"turned {way}.jpg", lambda way=way: _turned(way)) for way in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)),
    Content("turned.png", lambda: _turned(6, "PNG")),
    Content("turned.webp", lambda: _turned(8, "WEBP")),
    # several frames: the first is taken
    Content("moving.gif", lambda: _moving("GIF")),
    Content("moving.png", lambda: _moving("PNG")),
    Content("moving.webp", lambda: _moving("WEBP", lossless=True)),
    Content("moving and transparent.webp", lambda: _moving("WEBP", background=(0, 0, 0, 0))),
    Content("pages.tiff", lambda: _moving("TIFF")),
    # sizes
    Content("1x1.png", lambda: encode(Image.new("RGB", (1, 1), (1, 2, 3)))),
    Content("1x1.gif", lambda: gif(1, 1)),
    Content("20000x1.png", lambda: encode(Image.new("RGB", (20_000, 1), (3, 2, 1)))),
    Content("1x20000.png", lambda: encode(Image.new("RGB", (1, 20_000), (3, 1, 2)))),
    Content("one pixel on a large screen.gif", lambda: gif(4_000, 4_000)),
    Content("0x0.png", lambda: png((0, 0), 0, 8, b""), DAMAGED),
    Content("0x0.bmp", _bmp_of_zero_size, DAMAGED),
    Content("25 million pixels.png", lambda: empty_png(5_000, 5_000, 0, 1)),
    # bombs: small files of many pixels
    Content("50000x50000.png", lambda: empty_png(50_000, 50_000, 0, 1), TOO_LARGE),
    Content("12000x12000.png", lambda: empty_png(12_000, 12_000, 2, 8, 3), TOO_LARGE),
    Content("65535x65535.gif", lambda: gif(65_535, 65_535), TOO_LARGE),
    Content("16383x16383.webp", lambda: plain_webp(16_383, 16_383), TOO_LARGE),
    Content("50000x50000.tiff", lambda: plain_tiff(50_000, 50_000, zeros(1_000_000), compression=8), TOO_LARGE),
    Content("50000x50000 packed.bmp", lambda: packed_bmp(50_000, 50_000, b"\0\1"), TOO_LARGE),
    # within the limit of pixels, but too much for a decoder
    Content("9999x9999.webp", lambda: plain_webp(9_999, 9_999), "would take"),
    Content(
        "9999x9999 one strip.tiff", lambda: plain_tiff(9_999, 9_999, zeros(300_000_000), compression=8), "would take"
    ),
    Content(
        "9999x9999 progressive.jpg",
        lambda: resized(_jpeg(70, progressive=True, subsampling=0), 9_999, 9_999),
        "would take",
    ),
    Content("9999x9999 packed.bmp", lambda: packed_bmp(9_999, 9_999, b"\0\0" * 9_999), "run-length code"),
    Content("1000000x99.png", lambda: empty_png(1_000_000, 99, 6, 8, 4), "would take"),
    Content("tiles of 60000x60000.tiff", lambda: tiled_tiff(10, 60_000, zeros(1_000_000)), "would take"),
    Content(
        "tiles said twice.tiff",
        lambda: tiff_that_says_twice(16, {322: (40_000, 16), 323: (40_000, 16)}, zeros(1_600_000_000)),
        "of type 17",
    ),
    Content(
        "strip said twice.tiff", lambda: tiff_that_says_twice(9_999, {278: (9_999, 1)}, zeros(99_980_001)), "of type 17"
    ),
    Content(
        "rows as a list.tiff",
        lambda: plain_tiff(9_999, 9_999, zeros(300_000_000), compression=8, rows=8, rows_said=2),
        "expected one",
    ),
    Content(
        "no rows in a strip.tiff",
        lambda: plain_tiff(9_999, 9_999, zeros(300_000_000), compression=8, rows=0),
        "would take",
    ),
    Content(
        "9999x9999 turned.tiff",
        lambda: plain_tiff(9_999, 9_999, zeros(29_997), compression=8, rows=1, extra=[(274, 3, 1, 6)]),
        "would take",
    ),
    Content(
        "thousands of scans.jpg", lambda: resized(with_scans(_jpeg(71, progressive=True), 3000), 4_000, 4_000), "scans"
    ),
    # headers that lie
    Content("claims 60000x60000.jpg", lambda: resized(_jpeg(72), 60_000, 60_000), TOO_LARGE),
    Content("claims 9000x9000.jpg", lambda: resized(_jpeg(73), 9_000, 9_000)),
    Content("claims 50000x50000.bmp", _bmp_that_lies, TOO_LARGE),
    Content("claims more rows.png", lambda: png((64, 64), 2, 8, zlib.compress(bytes(193 * 20)))),
    Content("claims fewer rows.png", lambda: png((64, 8), 2, 8, zlib.compress(bytes(193 * 64)))),
    Content("claims 0 colours.png", lambda: png((8, 8), 3, 8, zlib.compress(bytes(72)), [(b"PLTE", b"")])),
    # damaged
    Content("bad checksum.png", _bad_crc, DAMAGED),
    Content("corrupt Huffman code.jpg", _corrupt_huffman),
    Content("one flipped byte.jpg", _flipped_byte),
    Content("no tables.jpg", lambda: _jpeg(74)[:2] + _jpeg(74)[_jpeg(74).index(b"\xff\xc0") :], DAMAGED),
    Content("unknown chunk.png", lambda: png((1, 1), 0, 8, zlib.compress(b"\0\1"), [(b"BaD!", b"x")]), DAMAGED),
    # much beside the pixels
    Content("large EXIF.jpg", _large_exif),
    Content("large EXIF.png", _png_with_exif),
    Content("large profile.jpg", _large_profile),
    Content("large comment.jpg", lambda: with_segments(_jpeg(75), *[segment(0xFE, bytes(65_000))] * 20)),
    Content("texts that unpack to 64 MB.png", lambda: _texts(1, 64_000_000), DAMAGED),
    Content("profile that unpacks to 64 MB.png", _profile, DAMAGED),
    Content("many chunks.png", lambda: png((1, 1), 0, 8, zlib.compress(b"\0\2"), [(b"tEXt", b"k\0v")] * 30_000)),
    # TIFF's directories
    Content("directory that follows itself.tiff", lambda: plain_tiff(16, 16, _STRIP, following=8)),
    Content("directory within itself.tiff", lambda: plain_tiff(16, 16, _STRIP, extra=[(330, 4, 1, 8)])),
    Content("EXIF within itself.tiff", lambda: plain_tiff(16, 16, _STRIP, extra=[(34665, 4, 1, 8)])),
    Content("greedy directory.tiff", lambda: greedy_directory(4000, 900_000), DAMAGED),
    Content("4 billion strips.tiff", lambda: tiff([(256, 4, 1, 9), (257, 4, 1, 9), (273, 4, 2**32 - 1, 8)]), DAMAGED),
    Content("strip outside.tiff", lambda: plain_tiff(16, 16, b"", extra=[]), DAMAGED),
    Content("no size.tiff", lambda: tiff([(258, 3, 1, 8)]), DAMAGED),
)
