"""The decoder against damaged files of every format: a picture or a PictureError, in little time and memory."""

import time
from pathlib import Path

import numpy as np
import pytest
from contents import CONTENTS
from hypothesis import given
from hypothesis import strategies as st
from mutating import damaged, examples, result_of

from beauty_mlflow.data.images import load
from beauty_mlflow.errors import PictureError

SMALL = 40_000  # bytes; what is larger is no more interesting, and slow
SLOWEST = 20  # seconds of processor time
GROWTH = 500  # megabytes
WORDS = (b"IDAT", b"PLTE", b"tRNS", b"eXIf", b"\xff\xda", b"\xff\xc0", b"\xff\xc2", b"ANMF", b"VP8L", b"\x21\xf9")


@pytest.fixture(scope="module")
def originals():
    """Every content of the corpus that is small, whether it is read or not."""
    return [content for content in (each.make() for each in CONTENTS) if len(content) < SMALL]


def _megabytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


@examples(150)
@given(data=st.data(), how=st.sampled_from(["squash", "pad", "crop"]))
def test_damaged_files_give_a_picture_or_a_picture_error(originals, data, how):
    content = data.draw(damaged(originals, words=WORDS))
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, begin = _megabytes("VmRSS"), time.process_time()
    picture = result_of(lambda: load(content, 32, how), PictureError)
    assert picture is None or (picture.shape, picture.dtype) == ((32, 32, 3), np.uint8)
    assert time.process_time() - begin < SLOWEST
    assert _megabytes("VmHWM") - before < GROWTH
