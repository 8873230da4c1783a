"""Bytes of pictures that no ordinary program writes: PNG chunks, JPEG segments and TIFF directories by hand."""

import io
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image


@cache
def noise(seed, side=48):
    """Return a small picture that looks like no other seed's."""
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((side, side + 16), Image.Resampling.NEAREST)


def encode(picture, kind="PNG", **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(size, colour_type, bits, idat, extra=()):
    """Return a PNG with this header and these compressed rows."""
    header = struct.pack(">IIBBBBB", *size, bits, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", idat), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


@cache
def zeros(count):
    """Return so many zero bytes, compressed to a thousandth, without going through them all."""
    block = 1_000_000
    whole = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    repeated = whole.compress(bytes(block)) + whole.flush(zlib.Z_FULL_FLUSH)  # stands for itself wherever it is
    last = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    end = last.compress(bytes(count % block)) + last.flush()
    checksum = (count % 65_521) << 16 | 1
    return b"\x78\xda" + repeated * (count // block) + end + struct.pack(">I", checksum)


def empty_png(width, height, colour_type, bits, channels=1):
    """Return a black PNG whose pixels are all there, a thousand times smaller than they."""
    row = 1 + -(-width * bits * channels // 8)
    return png((width, height), colour_type, bits, zeros(row * height))


def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def with_segments(jpeg, *segments):
    """Return a JPEG with further segments at its start."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def resized(jpeg, width, height):
    """Return a JPEG whose header says another size; its data stays."""
    for marker in (b"\xff\xc0", b"\xff\xc2"):
        place = jpeg.find(marker)
        if place > 0:
            return jpeg[: place + 5] + struct.pack(">HH", height, width) + jpeg[place + 9 :]
    raise AssertionError


def with_scans(jpeg, count):
    """Return a progressive JPEG whose last scan comes so many times."""
    place = jpeg.rfind(b"\xff\xda")
    return jpeg[:place] + jpeg[place:-2] * count + jpeg[-2:]


def tiff(entries, data=b"", following=0):
    """Return a little-endian TIFF: entries of (tag, type, count, value), then data, from byte 8 + 6 + 12 n on."""
    ordered = sorted(entries, key=lambda entry: entry[0])
    directory = b"".join(struct.pack("<HHII", *entry) for entry in ordered)
    return b"II*\0" + struct.pack("<IH", 8, len(ordered)) + directory + struct.pack("<I", following) + data


def plain_tiff(width, height, strip, *, compression=1, rows=None, rows_said=1, extra=(), channels=3, following=0):
    """Return a TIFF with one strip; how many rows it has is said so many times in one entry."""
    count = 10 + len(extra)
    place = 8 + 2 + 12 * count + 4
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, compression),
        (262, 3, 1, 2 if channels == 3 else 1),
        (273, 4, 1, place),
        (277, 3, 1, channels),
        (278, 4, rows_said, height if rows is None else rows),
        (279, 4, 1, len(strip)),
        (284, 3, 1, 1),
        *extra,
    ]
    return tiff(entries, strip, following)


def _grey(side):
    """Return the entries of a compressed grey TIFF of side x side pixels, but for where its content is."""
    return [
        (256, 4, 1, side),
        (257, 4, 1, side),
        (258, 3, 1, 8),
        (259, 3, 1, 8),
        (262, 3, 1, 1),
        (277, 3, 1, 1),
    ]


def tiled_tiff(side, tile, content):
    """Return a grey TIFF of side x side pixels that claims tiles of tile x tile."""
    place = 8 + 2 + 12 * 10 + 4
    return tiff(
        [
            *_grey(side),
            (322, 4, 1, tile),
            (323, 4, 1, tile),
            (324, 4, 1, place),
            (325, 4, 1, len(content)),
        ],
        content,
    )


def tiff_that_says_twice(side, sizes, content):
    """Return a grey compressed TIFF of side x side pixels with sizes that stand there twice.

    Args:
        side: In pixels.
        sizes: By tag, the value of the first entry, of a type that Pillow passes over, and that of the second.
        content: Of the one strip or tile.
    """
    numbers = 8 + 2 + 12 * (8 + 2 * len(sizes)) + 4
    offsets, lengths = (324, 325) if 322 in sizes else (273, 279)
    entries = [
        *_grey(side),
        (offsets, 4, 1, numbers + 8 * len(sizes)),
        (lengths, 4, 1, len(content)),
    ]
    for number, (tag, (_, second)) in enumerate(sizes.items()):
        entries += [(tag, 17, 1, numbers + 8 * number), (tag, 4, 1, second)]
    return tiff(entries, b"".join(struct.pack("<q", first) for first, _ in sizes.values()) + content)


def greedy_directory(values, size):
    """Return an EXIF directory whose every value is the same bytes, so that a reader which keeps them all needs many.

    Args:
        values: How many.
        size: Of each, in bytes.
    """
    place = 8 + 2 + 12 * values + 4
    return tiff([(tag, 7, size, place) for tag in range(1000, 1000 + values)], bytes(size))


def gif(width, height):
    """Return a GIF of one pixel on a screen of this size."""
    header = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\xff\0\0\0\xff\0"
    return header + b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00;"


def plain_webp(width, height):
    """Return a WebP of one colour: without loss such a picture needs no bits, whatever its size."""
    content = bytearray(encode(Image.new("RGB", (8, 8), (9, 99, 199)), "WEBP", lossless=True))
    assert content[12:16] == b"VP8L"
    (bits,) = struct.unpack_from("<I", content, 21)
    struct.pack_into("<I", content, 21, bits >> 28 << 28 | (height - 1) << 14 | (width - 1))
    return bytes(content)


def packed_bmp(width, height, rows):
    """Return an 8-bit BMP in run-length code."""
    palette = bytes(256 * 4)
    offset = 14 + 40 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 2835, 2835, 256, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + header + palette + rows
