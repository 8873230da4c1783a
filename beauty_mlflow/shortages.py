"""Memory or disk that ran out, in words that say what to do, also where nothing is left to say them."""

import atexit
import errno
import os
import subprocess

from beauty_mlflow.errors import BeautyError
from beauty_mlflow.hardware import memory_limit

GIVE_MEMORY = "give it more memory (`ulimit -v`, the container's limit)"
LOWER = f"Lower batch_size or image_size, take cache=none, give a sweep fewer workers, or {GIVE_MEMORY}."
# what TensorFlow, NumPy, the loader and Python say where they don't raise MemoryError
_MEMORY = (
    "out of memory",
    "cannot allocate memory",
    "can't start new thread",
    "failed to map segment",
    "oom when allocating",
    "bad_alloc",
    "could not execute a primitive",  # oneDNN's, which doesn't say why
    "could not create a memory object",
)
MAKE_ROOM = "Make room, and run the same again (or resume the run)."
# what the system says, and SQLite
_DISK = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), "database or disk is full")


def explain(error: BaseException) -> str:
    """Return a sentence about the memory or the disk that an error says is short; empty where it says nothing of it.

    An error of ours has said what it has to say already.
    """
    if isinstance(error, BeautyError):
        return ""
    if is_full_disk(error):
        return f"There is no room left on the disk: {error}. {MAKE_ROOM}"
    if is_short_memory(error):
        limit = memory_limit()
        under = f" under its limit of {limit / 1e6:.0f} MB" if limit else ""
        return f"The memory ran out{under} ({type(error).__name__}{_first_line(error)}). {LOWER}"
    return ""


def is_full_disk(error: BaseException) -> bool:
    """Return whether an error means that a disk is full, or a user's share of it."""
    return any(words in str(error) for words in _DISK)


def is_short_memory(error: BaseException) -> bool:
    """Return whether an error means that memory couldn't be had."""
    said = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"  # TensorFlow's, which isn't imported for this
        or any(words in said for words in _MEMORY)
    )


def explain_sudden_end() -> None:
    """Under a memory limit, let a shell explain it where this process is gone without a word of its own.

    Native code that gets no memory aborts the process, and no Python runs any more.
    """
    limit = memory_limit()
    if limit is None:
        return
    words = (
        f"error: the process was ended from outside, or ended itself for lack of memory: its limit is "
        f"{limit / 1e6:.0f} MB. {LOWER}"
    )
    script = 'read -r _ || printf "%s\\n" "$0" >&2'
    shell = subprocess.Popen(["/bin/sh", "-c", script, words], stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603
    atexit.register(shell.communicate, b"ended well\n")


def _first_line(error: BaseException) -> str:
    line = str(error).strip().split("\n", 1)[0]
    return f": {line[:200]}" if line else ""
