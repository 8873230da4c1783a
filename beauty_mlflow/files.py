"""Writing files so that nobody ever sees half of one, opening only what is one, and the user's own folders."""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

import platformdirs

from beauty_mlflow.temporary import temporary_file

MOST_TYPED = 10_000_000  # bytes of a file that somebody writes by hand


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is synced and moved into place.

    On an error the temporary file is removed and ``path`` stays as it was.
    """
    with temporary_file(path) as temporary:
        yield temporary
        _use_umask(temporary)
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically, with line ends as given."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file (or a link to one) for reading; a FIFO, a socket or a device would hang a reader for ever.

    Raises:
        OSError: It can't be opened; EINVAL where it is something else.
        ValueError: Its name holds a null byte.
    """
    # without O_NONBLOCK the open itself waits for a FIFO's writer
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_typed(path: Path) -> str:
    """Return the text of a file that somebody has written by hand.

    Raises:
        OSError: It can't be read, is no regular file, or has more than 10 MB.
        UnicodeDecodeError: It isn't UTF-8.
    """
    with open_regular(path) as stream:
        content = stream.read(MOST_TYPED + 1)
    if len(content) > MOST_TYPED:
        raise OSError(errno.EFBIG, f"it has more than {MOST_TYPED // 1_000_000} MB", str(path))
    return content.decode("utf-8")


def file_digest(path: Path) -> str:
    """Return a file's sha256 (hex), in bounded memory."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def nearest_existing(folder: Path) -> Path:
    """Return the folder, or where it isn't made yet the nearest one above that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def free_bytes(folder: Path) -> int:
    """Return what is free on the disk that a folder is on, or would be."""
    return shutil.disk_usage(nearest_existing(folder)).free


def cache_folder() -> Path:
    """Return the folder for what can be made again (the sample, downloads): BEAUTY_CACHE_DIR or the user's cache."""
    return Path(os.environ.get("BEAUTY_CACHE_DIR") or platformdirs.user_cache_dir("beauty_mlflow"))


def state_folder() -> Path:
    """Return the folder for what unfinished runs need to go on: BEAUTY_STATE_DIR or the user's state folder."""
    return Path(os.environ.get("BEAUTY_STATE_DIR") or platformdirs.user_state_dir("beauty_mlflow"))


def _use_umask(path: Path) -> None:
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)
