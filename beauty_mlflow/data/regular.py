"""Opening a file only if it is one: a FIFO, a socket or a device would hang a reader for ever."""

import errno
import hashlib
import os
import stat
from contextlib import AbstractContextManager
from io import BufferedReader
from pathlib import Path
from typing import Protocol

from beauty_mlflow.errors import PictureError

_NOT_THE_FILES = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


class FarFile(Protocol):
    """A file that isn't on this machine."""

    def read_bytes(self) -> bytes:
        """Return its content; PictureError where it can't be had."""

    def held(self) -> AbstractContextManager[bytes]:
        """Give its content, which counts as in memory until this ends; PictureError where it can't be had."""


def read_file(file: Path | FarFile) -> bytes:
    """Return a file's content, wherever it is; PictureError as for ``open_regular``."""
    return read_regular(file) if isinstance(file, Path) else file.read_bytes()


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file (or a link to one) for reading.

    Raises:
        PictureError: there is no such file, it can't be read, or it is something else.
        OSError: this process has too many files open, or too little memory: that isn't the file's fault.
    """
    try:
        # without O_NONBLOCK the open itself waits for a FIFO's writer
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        if error.errno in _NOT_THE_FILES:
            raise
        raise PictureError((error.strerror or "can't be opened").lower()) from None
    except ValueError:
        raise PictureError("its name holds a null byte") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PictureError("not a regular file")
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path) -> bytes:
    """Return a regular file's bytes; PictureError as for ``open_regular``."""
    with open_regular(path) as stream:
        try:
            return stream.read()
        except OSError as error:
            raise PictureError((error.strerror or "can't be read").lower()) from None


def hash_regular(path: Path) -> str:
    """Return a regular file's sha256 (hex) in bounded memory; PictureError as for ``open_regular``."""
    with open_regular(path) as stream:
        try:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise PictureError((error.strerror or "can't be read").lower()) from None
