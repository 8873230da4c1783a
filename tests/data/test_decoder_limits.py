"""What a picture may ask of a decoder, and how threads share it."""

import io
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from beauty_mlflow.data.decoder_limits import MAX_FILE, MAX_SCANS, Budget, _scans, check_picture
from beauty_mlflow.data.images import load
from beauty_mlflow.errors import PictureError

SHORT, LONG, SLONG8 = 3, 4, 17  # TIFF's types; Pillow passes over the last
TINY = {256: (16,), 257: (16,), 258: (8,), 259: (8,), 262: (1,), 273: (200,), 277: (1,), 279: (8,)}


@pytest.fixture(scope="module")
def progressive(encode):
    """A progressive JPEG with another one as thumbnail in its EXIF, and a third behind it."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    return encode(Image.fromarray(pixels), "JPEG", progressive=True)


def segment(content):
    return b"\xff\xe1" + (len(content) + 2).to_bytes(2) + content


def test_scans_of_other_pictures_in_the_file_do_not_count(progressive):
    """Cameras put a thumbnail before the picture, and a film behind it."""
    alone = _scans(progressive)
    assert 5 < alone < 20
    assert _scans(progressive[:2] + segment(b"Exif\0\0" + progressive) + progressive[2:] + progressive) == alone
    assert _scans(progressive[:2]) == 0


def test_a_film_behind_a_picture_is_no_scan(progressive):
    load(progressive + b"\xff\xda" * (MAX_SCANS + 1), 8, "squash")


def test_too_many_scans_are_refused(progressive):
    place = progressive.rfind(b"\xff\xda")
    with pytest.raises(PictureError, match=r"^it has \d\d\d scans; expected at most 200$"):
        load(progressive[:place] + progressive[place:-2] * MAX_SCANS + progressive[-2:], 8, "squash")


def test_a_file_that_is_too_large_is_refused_unread(tmp_path):
    """None of its bytes is on the disk, nor gets into memory."""
    with (tmp_path / "large.png").open("wb") as stream:
        stream.write(b"\x89PNG\r\n\x1a\n" + bytes(8))
        stream.truncate(MAX_FILE + 1)
    with pytest.raises(PictureError, match=r"^the file has 200,000,001 bytes; expected at most 200,000,000$"):
        load(tmp_path / "large.png", 8, "squash")


def test_of_a_film_only_the_beginning_is_read(tmp_path):
    with (tmp_path / "film.mov").open("wb") as stream:
        stream.write(b"\0\0\0\x14ftypqt  ")
        stream.truncate(40 * MAX_FILE)
    with pytest.raises(PictureError, match="no picture of a known format"):
        load(tmp_path / "film.mov", 8, "squash")


def tiff(changes, head=b"II*\0", more=()):
    """A compressed TIFF's header, grey and of 16 x 16 pixels but for these tags; values are by tag, then entries."""
    order = "<" if head.startswith(b"II") else ">"
    counter, entry, begin = ("Q", "HHQQ", 16) if head[2:3] == b"+" else ("H", "HHII", 8)
    tags = sorted([*((tag, LONG, 1, value) for tag, (value,) in {**TINY, **changes}.items()), *more])
    number = struct.pack(order + counter, len(tags))
    start = head + (struct.pack(order + "I", begin) if begin == 8 else struct.pack(order + "HHQ", 8, 0, begin))
    return start + number + b"".join(struct.pack(order + entry, *tag) for tag in tags) + bytes(500)


def needed(content):
    with Image.open(io.BytesIO(content)) as picture:
        return check_picture(picture, content) - len(content)


@pytest.mark.parametrize("head", [b"II*\0", b"MM\0*", b"II+\0"])
@pytest.mark.parametrize(
    ("changes", "buffer"),
    [
        ({}, 256),
        ({278: (4,)}, 64),
        ({278: (0,)}, 256),
        ({278: (2**32 - 1,)}, 256),
        ({322: (32,), 323: (64,)}, 2048),
        ({258: (8,), 262: (2,), 277: (3,)}, 768),
        ({258: (8,), 262: (6,), 277: (3,)}, 1024),
    ],
    ids=["no rows", "rows", "zero rows", "more rows than there are", "tiles", "bits said once for all", "YCbCr"],
)
def test_what_libtiff_unpacks_at_once_is_counted(head, changes, buffer):
    colours = 4 if 262 in changes else 1
    assert needed(tiff(changes, head)) == 256 * (colours + 4) + buffer


def test_a_turned_tiff_is_in_memory_twice():
    """Pillow turns it while it loads it. Its strip is as wide as it was before."""
    turned = {256: (100,), 257: (20,), 274: (6,), 278: (20,)}
    assert needed(tiff(turned)) == 2000 * (1 + 1 + 4) + 2000


@pytest.mark.parametrize("first", [(322, SLONG8, 1, 200), (322, LONG, 1, 40_000)])
def test_a_size_that_a_tiff_says_twice_is_refused(first):
    """Pillow and libtiff would take different ones."""
    entries = [first, (323, LONG, 1, 16)]
    with pytest.raises(PictureError, match=r"^its TIFF directory has the tag 322 twice; expected every tag once$"):
        load(tiff({322: (16,)}, more=entries), 8, "squash")


@pytest.mark.parametrize(
    ("entry", "said"), [((278, SLONG8, 1, 200), "1 values of type 17"), ((278, LONG, 2, 200), "2 values of type 4")]
)
def test_a_size_that_only_libtiff_understands_is_refused(entry, said):
    with pytest.raises(PictureError, match=rf"^its TIFF tag 278 has {said}; expected one, SHORT or LONG$"):
        load(tiff({}, more=[entry]), 8, "squash")


def test_a_header_that_pillow_alone_takes_is_refused():
    """Of a large TIFF in this byte order Pillow finds the directory elsewhere than libtiff."""
    content = tiff({}, b"MM\0*")
    with pytest.raises(PictureError, match=r"^its TIFF header is damaged$"):
        load(b"MM\0+" + content[4:], 8, "squash")


def test_threads_never_hold_more_than_there_is():
    """And all come to their turn, the largest too."""
    budget, held, most, lock = Budget(100), 0, 0, threading.Lock()

    def hold(wanted):
        nonlocal held, most
        with budget.hold() as holding:
            holding.for_picture(wanted)
            with lock:
                held += wanted
                most = max(most, held)
            time.sleep(0.001)
            with lock:
                held -= wanted

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(hold, [100, 1, 60, 60, 30, 100, 10, 99] * 5))
    assert held == 0
    assert 60 < most <= 100


def test_no_file_waits_for_another_that_waits():
    """Each thread holds its file until its picture has room: all files together would have left none for any."""
    budget, held, most, lock = Budget(100, files=20, large=10), 0, 0, threading.Lock()

    def hold(size, wanted):
        nonlocal held, most
        with budget.hold() as holding:
            holding.for_file(size)
            with lock:
                held += size
                most = max(most, held)
            time.sleep(0.001)
            holding.for_picture(wanted)
            time.sleep(0.001)
            with lock:
                held -= size

    sizes, pictures = zip(*[(40, 90), (9, 10), (60, 100), (1, 99), (30, 30), (5, 50)] * 8, strict=True)
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(hold, sizes, pictures))
    assert held == 0
    assert 40 < most <= 120


def test_a_file_that_is_fetched_again_holds_its_room_once():
    budget = Budget(100, files=20, large=10)
    with budget.hold() as holding:
        for size in (9, 9, 9, 70, 70, 9):
            holding.for_file(size)
        holding.for_picture(100)


def test_an_error_gives_back_what_was_held():
    budget = Budget(100)

    def fail():
        with budget.hold() as holding:
            holding.for_picture(100)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with budget.hold() as holding:
        holding.for_picture(100)


@pytest.mark.slow
def test_large_files_at_once_take_little_memory(tmp_path, encode):
    """Pictures with nearly 200 MB of nothing behind them, which take no room on the disk, in 16 threads."""
    content = encode(Image.new("RGB", (40, 40), "red"), "JPEG")
    for number in range(20):
        with (tmp_path / f"{number}.jpg").open("wb") as stream:
            stream.write(content)
            stream.truncate(MAX_FILE)
    script = """
import sys
from pathlib import Path
from beauty_mlflow.data.images import load
from beauty_mlflow.data.parallel import map_threads
def megabytes(name):
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(name)) // 1024
pictures = sorted(Path(sys.argv[1]).iterdir())
before = megabytes("VmRSS")
assert len([*map_threads(lambda picture: load(picture, 8, "squash"), pictures, 16)]) == 20
print(megabytes("VmHWM") - before)
"""
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    assert 190 < int(done.stdout) < 500
