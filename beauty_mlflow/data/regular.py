"""Opening a picture, or a table of some, only if it is a file: what else it is counts as broken."""

import errno
import hashlib
import os
from contextlib import AbstractContextManager
from io import BufferedReader
from pathlib import Path
from typing import Protocol

from beauty_mlflow import files
from beauty_mlflow.data.decoder_limits import check_file
from beauty_mlflow.errors import PictureError

MAX_TEXT = 500_000_000  # bytes of a table or a manifest's sidecar: a million pictures with paths of 300 bytes

_NOT_THE_FILES = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


class FarFile(Protocol):
    """A file that isn't on this machine."""

    def read_bytes(self) -> bytes:
        """Return its content; PictureError where it can't be had."""

    def held(self) -> AbstractContextManager[bytes]:
        """Give its content, which counts as in memory until this ends; PictureError where it can't be had."""


def read_file(file: Path | FarFile, most: int | None = None) -> bytes:
    """Return a file's content, wherever it is.

    Args:
        file: The file.
        most: How many bytes one of this machine may have; as many as a picture's unless it is given.

    Raises:
        PictureError: as for ``open_regular``, or it is too large; the message is the reason alone.
    """
    if not isinstance(file, Path):
        return file.read_bytes()
    with open_regular(file) as stream:
        try:
            size = os.fstat(stream.fileno()).st_size
            check_file(size, most)
            return stream.read(size)
        except OSError as error:
            raise PictureError((error.strerror or "can't be read").lower()) from None


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file (or a link to one) for reading.

    Raises:
        PictureError: there is no such file, it can't be read, or it is something else.
        OSError: this process has too many files open, or too little memory: that isn't the file's fault.
    """
    try:
        return files.open_regular(path)
    except OSError as error:
        if error.errno in _NOT_THE_FILES:
            raise
        raise PictureError((error.strerror or "can't be opened").lower()) from None
    except ValueError:
        raise PictureError("its name holds a null byte") from None


def hash_regular(path: Path) -> str:
    """Return a regular file's sha256 (hex) in bounded memory; PictureError as for ``open_regular``."""
    with open_regular(path) as stream:
        try:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise PictureError((error.strerror or "can't be read").lower()) from None
