"""Reading many files that lie far away, in less time than one after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from beauty_mlflow.data.parallel import map_threads
from beauty_mlflow.data.regular import Admit, admit_all
from beauty_mlflow.data.sources.locations import Location, readers
from beauty_mlflow.data.sources.s3_path import AHEAD_BYTES, S3Path
from beauty_mlflow.errors import PictureError


@dataclass(frozen=True)
class Fetched:
    """A file's content, or why it can't be had."""

    content: bytes
    problem: str

    def read_bytes(self, admit: Admit = admit_all) -> bytes:  # noqa: ARG002 - it is in memory already
        """Return the content; PictureError where there is none."""
        if self.problem:
            raise PictureError(self.problem)
        return self.content


def read_ahead(folder: Location, paths: Sequence[str]) -> "Iterator[Path] | Iterator[Fetched | S3Path]":
    """Yield the files of a folder: those of this machine as they are, others fetched some way ahead, many at once.

    Large ones are as they are, too: they are fetched as they are read.

    Raises:
        UnreachableDataError: Nothing can be read there now.
    """
    if isinstance(folder, Path):
        return (folder / path for path in paths)
    return map_threads(partial(_fetch, folder), paths, readers(folder))


class _LargeError(Exception):
    """What is being fetched is too large to wait in memory."""


def _fetch(folder: S3Path, path: str) -> Fetched | S3Path:
    if folder.is_large(path):
        return folder / path
    try:
        return Fetched((folder / path).read_bytes(_admit_small), "")
    except _LargeError:
        return folder / path
    except PictureError as error:
        return Fetched(b"", str(error))


def _admit_small(size: int) -> None:
    if size > AHEAD_BYTES:
        raise _LargeError
