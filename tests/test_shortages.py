import errno
import os
import subprocess
import sys

import pytest

from beauty_mlflow.errors import SearchError, WorkError
from beauty_mlflow.shortages import explain

LIMIT = 10**12


class ResourceExhaustedError(Exception):
    """Called as TensorFlow's."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("Unable to allocate 9.31 GiB for an array"),
        ResourceExhaustedError("failed to allocate memory"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        RuntimeError("can't start new thread"),
        ImportError("libfoo.so: failed to map segment from shared object"),
        RuntimeError("INTERNAL: std::bad_alloc"),
        RuntimeError("Operation received an exception:Status: 5, message: could not execute a primitive"),
        RuntimeError("Operation received an exception:Status: 1, message: could not create a memory object"),
    ],
    ids=repr,
)
def test_whatever_says_that_memory_is_short_says_what_to_lower(error):
    assert "Lower batch_size or image_size, take cache=none, give a sweep fewer workers" in explain(error)


def test_a_full_disk_names_the_file():
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/small/some.png")
    assert explain(error).startswith("There is no room left on the disk: [Errno 28] No space left on device: '/small/")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        OSError(errno.ENOENT, "no such file"),
        WorkError("the disk is full"),
        SearchError("out of memory?"),
    ],
    ids=repr,
)
def test_other_errors_and_ours_speak_for_themselves(error):
    assert explain(error) == ""


@pytest.mark.parametrize(
    ("end", "explained"),
    [("os.abort()", True), ("os.kill(os.getpid(), 9)", True), ("sys.exit(1)", False), ("raise ValueError", False)],
)
def test_a_process_that_is_gone_without_a_word_is_explained(end, explained):
    """Under a memory limit, and only there where nothing in it could say it any more."""
    script = f"""
import os, resource, sys
from beauty_mlflow.shortages import explain_sudden_end
resource.setrlimit(resource.RLIMIT_AS, ({LIMIT}, -1))
explain_sudden_end()
{end}
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ("its limit is 1000000 MB. Lower batch_size or image_size" in done.stderr) == explained
    assert done.stderr.count("error:") == explained


def test_without_a_limit_nothing_stands_by():
    """No process more than was asked for."""
    script = "import psutil, beauty_mlflow.shortages as s; s.explain_sudden_end(); print(psutil.Process().children())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
