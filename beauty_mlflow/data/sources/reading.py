"""Reading many files that lie far away, in less time than one after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from beauty_mlflow.data.parallel import map_threads
from beauty_mlflow.data.sources.locations import Location, readers
from beauty_mlflow.data.sources.s3_path import S3Path
from beauty_mlflow.errors import PictureError


@dataclass(frozen=True)
class Fetched:
    """A file's content, or why it can't be had."""

    content: bytes
    problem: str

    def read_bytes(self) -> bytes:
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


def _fetch(folder: S3Path, path: str) -> Fetched | S3Path:
    if folder.is_large(path):
        return folder / path
    try:
        return Fetched((folder / path).read_bytes(), "")
    except PictureError as error:
        return Fetched(b"", str(error))
