"""The decoder: what it reads, what it refuses, and how it resizes."""

import os
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from beauty_mlflow.data.images import MAX_PIXELS, decode, load, open_picture, resize, squash
from beauty_mlflow.errors import ParameterError, PictureError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def quarters():
    """A picture that is wider than high and has another colour in each quarter; [20, 32, 3]."""
    pixels = np.zeros((20, 32, 3), np.uint8)
    pixels[:10, :16], pixels[:10, 16:], pixels[10:, :16], pixels[10:, 16:] = RED, GREEN, BLUE, WHITE
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def png():
    """A function that writes a PNG chunk by chunk: what Pillow can't write itself."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    def write(size, colour_type, bits, rows, extra=()):
        header = struct.pack(">IIBBBBB", *size, bits, colour_type, 0, 0, 0)
        chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)

    return write


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "WEBP"])
def test_reads_each_format_without_loss_and_in_the_right_orientation(quarters, encode, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.array_equal(decode(encode(quarters, kind, **options)), np.asarray(quarters))


def test_reads_jpeg_nearly_without_loss(quarters, encode):
    read = decode(encode(quarters, "JPEG", quality=95, subsampling=0))
    assert read.shape == (20, 32, 3)
    assert read.dtype == np.uint8
    assert np.abs(read.astype(int) - np.asarray(quarters)).mean() < 4


def test_reads_a_path_as_it_reads_bytes(quarters, encode, tmp_path):
    path = tmp_path / "named.wrongly"
    path.write_bytes(encode(quarters))
    assert np.array_equal(decode(path), decode(path.read_bytes()))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_applies_each_exif_orientation(quarters, encode, kind, orientation):
    """A picture stored turned comes out as it was before; without the tag it stays turned."""
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = quarters.transpose(inverse[orientation]) if orientation > 1 else quarters
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = encode(stored, kind, exif=exif)
    assert np.abs(decode(content).astype(int) - np.asarray(quarters)).mean() < 12
    assert np.abs(load(content, 8, "squash").astype(int) - resize(np.asarray(quarters), 8, "squash")).mean() < 12


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_opened_picture_says_its_upright_size(quarters, encode, kind, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = encode(quarters, kind, exif=exif)
    opened = open_picture(content, 64)
    assert (opened.height, opened.width, 3) == decode(content).shape
    assert opened.picture.size == (opened.width, opened.height)
    assert (opened.kind, opened.mode) == (kind, "RGB")


def test_an_opened_picture_is_shrunk_but_says_its_own_size_and_mode(encode):
    opened = open_picture(encode(Image.new("L", (900, 600), 7), "JPEG"), 64)
    assert (opened.width, opened.height, opened.mode) == (900, 600, "L")
    assert opened.picture.mode == "RGB"
    assert 128 <= min(opened.picture.size) < 600


def test_squash_is_what_load_gives(quarters, encode):
    content = encode(quarters)
    assert np.array_equal(squash(open_picture(content, 8).picture, 8), load(content, 8, "squash"))


@pytest.mark.parametrize("orientation", [0, 9, 60000])
def test_an_orientation_that_does_not_exist_changes_nothing(quarters, encode, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    assert np.array_equal(decode(encode(quarters, exif=exif)), np.asarray(quarters))


def test_puts_transparency_over_white(encode):
    pixels = np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [200, 0, 0, 128]]], np.uint8)
    read = decode(encode(Image.fromarray(pixels)))[0]
    assert read[0].tolist() == list(WHITE)
    assert read[1].tolist() == [0, 0, 0]
    assert read[2] == pytest.approx([227, 127, 127], abs=2)


def test_puts_a_gray_pictures_alpha_over_white(encode):
    pixels = np.array([[[0, 0], [0, 255], [100, 255]]], np.uint8)
    assert decode(encode(Image.fromarray(pixels)))[0, :, 0].tolist() == [255, 0, 100]


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_puts_a_palettes_transparent_colour_over_white(encode, kind):
    picture = Image.new("P", (2, 1))
    picture.putpalette([*RED, *GREEN])
    picture.putdata([0, 1])
    assert decode(encode(picture, kind, transparency=0))[0].tolist() == [list(WHITE), list(GREEN)]


def test_puts_a_palettes_half_transparent_colour_over_white(encode):
    picture = Image.new("P", (2, 1))
    picture.putpalette([*RED, *GREEN])
    picture.putdata([0, 1])
    read = decode(encode(picture, transparency=bytes([128, 255])))[0]
    assert read[0] == pytest.approx([255, 127, 127], abs=2)
    assert read[1].tolist() == list(GREEN)


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_puts_the_one_transparent_colour_of_a_plain_png_over_white(encode, mode):
    transparency = (0, 0, 0) if mode == "RGB" else 0
    assert decode(encode(Image.new(mode, (2, 2)), transparency=transparency)).min() == 255


def test_scales_16_bit_gray_instead_of_clipping_it(png):
    values = [0, 257, 30000, 65535]
    content = png((4, 1), 0, 16, b"\0" + struct.pack(">4H", *values))
    assert decode(content)[0, :, 0].tolist() == [0, 1, 117, 255]
    assert decode(content)[0, :, 2].tolist() == [0, 1, 117, 255]


def test_the_transparent_value_of_16_bit_gray_becomes_white(png):
    content = png((2, 1), 0, 16, b"\0" + struct.pack(">2H", 30000, 30001), [(b"tRNS", struct.pack(">H", 30000))])
    assert decode(content)[0, :, 0].tolist() == [255, 117]


def test_scales_16_bit_colours_and_alpha(png):
    colours = struct.pack(">4H", 65535, 30000, 0, 65535) + struct.pack(">4H", 0, 0, 0, 0)
    read = decode(png((2, 1), 6, 16, b"\0" + colours))[0]
    assert read[0] == pytest.approx([255, 117, 0], abs=1)
    assert read[1].tolist() == list(WHITE)


@pytest.mark.parametrize("byteorder", ["<u2", ">u2"])
def test_scales_16_bit_gray_tiff(byteorder, encode):
    picture = Image.fromarray(np.full((3, 5), 30000, byteorder))
    read = decode(encode(picture, "TIFF"))
    assert read.shape == (3, 5, 3)
    assert set(read.ravel()) == {117}


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_refuses_pixels_without_a_known_range(kind, encode):
    with pytest.raises(PictureError, match="32 bits and no known range"):
        decode(encode(Image.fromarray(np.ones((2, 2), kind)), "TIFF"))


def test_converts_cmyk(quarters, encode):
    """Pillow writes Adobe's inverted kind; a wrong reader shows the negative."""
    read = decode(encode(quarters.convert("CMYK"), "JPEG", quality=95, subsampling=0))
    assert np.abs(read.astype(int) - np.asarray(quarters)).mean() < 6


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_takes_the_first_frame(encode, kind):
    frames = [Image.new("RGB", (6, 4), colour) for colour in (RED, GREEN, BLUE)]
    content = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    assert decode(content).shape == (4, 6, 3)
    assert decode(content)[2, 3].tolist() == pytest.approx(RED, abs=3)


@pytest.mark.parametrize("size", [(1, 1), (20000, 1), (1, 20000)])
@pytest.mark.parametrize("how", ["squash", "pad", "crop"])
def test_extreme_sizes_work(encode, size, how):
    content = encode(Image.new("RGB", size, RED))
    assert decode(content).shape == (size[1], size[0], 3)
    assert load(content, 8, how).shape == (8, 8, 3)


def test_refuses_too_many_pixels_before_decoding(png):
    """There are no pixels behind this header, so a decoder that looked for them would say something else."""
    for size in [(10_001, 10_000), (50_000, 50_000)]:
        with pytest.raises(PictureError, match=r"100.?000.?000"):
            decode(png(size, 2, 8, b""))


def test_a_large_picture_within_the_limit_gives_no_warning(png):
    """Pillow itself warns from 89 million pixels on; warnings are errors here."""
    rows = b"".join([b"\0" + b"\xff" * 1250] * 9500)
    assert load(png((10_000, 9_500), 0, 1, rows), 8, "squash").min() == 255
    assert MAX_PIXELS > 10_000 * 9_500


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_refuses_truncated_pictures(draw, encode, kind, share):
    content = encode(draw(0, 64), kind)
    with pytest.raises(PictureError):
        decode(content[: int(len(content) * share)])


def test_says_that_a_file_is_empty(tmp_path):
    (tmp_path / "empty.jpg").touch()
    for source in (b"", tmp_path / "empty.jpg"):
        with pytest.raises(PictureError, match="the file is empty"):
            decode(source)


@pytest.mark.parametrize(
    "content", [b"<html></html>", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"%PDF-1.4"]
)
def test_other_formats_are_not_tried(content):
    with pytest.raises(PictureError, match=r"no picture of a known format \(JPEG, "):
        decode(content)


def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "x.jpg")
    with pytest.raises(PictureError, match="not a regular file"):
        decode(tmp_path / "x.jpg")


def test_a_folder_a_dangling_link_and_a_missing_file_are_refused(tmp_path):
    (tmp_path / "link.jpg").symlink_to("nowhere")
    for path in (tmp_path, tmp_path / "link.jpg", tmp_path / "missing.jpg"):
        with pytest.raises(PictureError, match=r"regular file|no such file|is a directory"):
            load(path, 8, "squash")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"]), data=st.data())
def test_damaged_bytes_give_a_picture_or_a_picture_error(draw, encode, kind, data):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    content = bytearray(encode(draw(1), kind, **({} if kind in ("BMP", "GIF") else {"exif": exif})))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(PictureError):
        assert load(bytes(content), 8, "pad").shape == (8, 8, 3)


def test_squash_ignores_the_aspect_ratio(quarters):
    squashed = resize(np.asarray(quarters), 12, "squash")
    assert [squashed[y, x].tolist() for y, x in ((1, 1), (1, 10), (10, 1), (10, 10))] == [
        list(colour) for colour in (RED, GREEN, BLUE, WHITE)
    ]


def test_pad_keeps_the_aspect_ratio_between_white_borders():
    wide = np.full((10, 40, 3), RED, np.uint8)
    padded = resize(wide, 8, "pad")
    assert (padded[:3] == 255).all()
    assert (padded[3:5] == RED).all()
    assert (padded[5:] == 255).all()
    assert np.array_equal(resize(wide.transpose(1, 0, 2), 8, "pad"), padded.transpose(1, 0, 2))


def test_crop_keeps_the_aspect_ratio_of_the_centre():
    wide = np.full((10, 40, 3), RED, np.uint8)
    wide[:, 15:25] = GREEN
    assert (resize(wide, 10, "crop") == GREEN).all()
    assert (resize(wide.transpose(1, 0, 2), 10, "crop") == GREEN).all()


def test_shrinking_averages_instead_of_picking_pixels():
    """Lines of one pixel become gray; without antialiasing they stay black or white."""
    lines = np.zeros((64, 96, 3), np.uint8)
    lines[:, ::2] = 255
    assert np.abs(resize(lines, 16, "squash").astype(int) - 127).max() <= 16


@pytest.mark.parametrize("how", ["squash", "pad", "crop"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_load_of_a_large_picture_equals_decode_and_resize(encode, how, kind):
    """Large pictures are averaged over blocks first; that moves nothing by more than a fifth of a pixel."""
    blocks = np.random.default_rng(3).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    content = encode(Image.fromarray(blocks).resize((907, 601), Image.Resampling.BICUBIC), kind)
    careful = resize(decode(content), 32, how)
    assert np.abs(load(content, 32, how).astype(int) - careful).mean() < 4


@pytest.mark.parametrize("mode", ["P", "LA", "RGBA", "L", "1"])
def test_shrinking_strip_by_strip_keeps_every_mode_right(encode, mode, monkeypatch):
    monkeypatch.setattr("beauty_mlflow.data.images._STRIP_PIXELS", 3000)
    blocks = np.random.default_rng(4).integers(0, 256, (5, 7, 4), dtype=np.uint8)
    picture = Image.fromarray(blocks).resize((350, 260), Image.Resampling.BICUBIC)
    content = encode(picture.quantize(16) if mode == "P" else picture.convert("RGBA").convert(mode))
    careful = resize(decode(content), 16, "squash")
    assert np.abs(load(content, 16, "squash").astype(int) - careful).mean() < 2.5


def test_small_pictures_load_exactly_as_decode_and_resize(quarters, encode):
    content = encode(quarters)
    assert np.array_equal(load(content, 12, "pad"), resize(decode(content), 12, "pad"))


def test_a_huge_picture_takes_little_memory(png):
    """100 million pixels with alpha are 400 MB when decoded; converted as a whole they would be 1.6 GB."""
    script = (
        "import sys; from beauty_mlflow.data.images import load; load(sys.stdin.buffer.read(), 64, 'squash');"
        "print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    rows = (b"\0" + b"\x7f" * 40_000) * 10_000
    done = subprocess.run(
        [sys.executable, "-c", script], input=png((10_000, 10_000), 6, 8, rows), stdout=subprocess.PIPE, check=True
    )
    assert int(done.stdout) // 1024 < 600  # of which Python with numpy and Pillow takes about 50


def test_decoding_in_threads_leaks_no_filter_and_no_warning(encode, png):
    """Filters that threads set and restore across each other would leave warnings on or off for good."""
    rows = b"".join([b"\0" + b"\xff" * 1250] * 9100)
    sources = [png((10_000, 9_100), 0, 1, rows), encode(Image.new("RGB", (9, 9)))] * 3
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with ThreadPoolExecutor(3) as threads:
            list(threads.map(lambda content: load(content, 8, "squash"), sources))
        assert not caught
        warnings.warn("still heard", UserWarning, stacklevel=1)
        assert [str(each.message) for each in caught] == ["still heard"]


def test_a_wrong_size_or_way_is_an_error(quarters):
    with pytest.raises(ParameterError, match="size of a picture is 0"):
        resize(np.asarray(quarters), 0, "squash")
    with pytest.raises(ParameterError, match="unknown resize 'stretch': expected squash, pad or crop"):
        resize(np.asarray(quarters), 8, "stretch")


def test_too_little_memory_is_no_fault_of_the_picture(tmp_path):
    """Else a split would take good pictures for broken ones: the same one that is decoded a moment before."""
    Image.new("RGB", (3000, 3000), "red").save(tmp_path / "large.png")
    script = """
import resource, sys
from pathlib import Path
from beauty_mlflow.data.images import decode
picture = Path(sys.argv[1])
print(decode(picture).shape)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**20, -1))
try:
    decode(picture)
except MemoryError:
    print("memory is short")
"""
    command = [sys.executable, "-c", script, tmp_path / "large.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "(3000, 3000, 3)\nmemory is short\n"
