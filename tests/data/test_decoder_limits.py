"""What a picture may ask of a decoder, and how threads share it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from beauty_mlflow.data.decoder_limits import MAX_FILE, MAX_SCANS, Budget, _scans
from beauty_mlflow.data.images import load, read_picture
from beauty_mlflow.errors import PictureError


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
        read_picture(tmp_path / "large.png")


def test_of_a_film_only_the_beginning_is_read(tmp_path):
    with (tmp_path / "film.mov").open("wb") as stream:
        stream.write(b"\0\0\0\x14ftypqt  ")
        stream.truncate(40 * MAX_FILE)
    with pytest.raises(PictureError, match="no picture of a known format"):
        read_picture(tmp_path / "film.mov")


def test_threads_never_hold_more_than_there_is():
    """And all come to their turn, the largest too."""
    budget, held, most, lock = Budget(100), 0, 0, threading.Lock()

    def hold(wanted):
        nonlocal held, most
        with budget.take(wanted):
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


def test_an_error_gives_back_what_was_held():
    budget = Budget(100)
    with pytest.raises(ZeroDivisionError), budget.take(100):
        raise ZeroDivisionError
    with budget.take(100):
        pass
