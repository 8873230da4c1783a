"""Reading many files that lie far away, in less time than one after the other and in bounded memory."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from beauty_mlflow.data.images import read_picture
from beauty_mlflow.data.parallel import map_threads
from beauty_mlflow.data.sources.locations import Location, readers
from beauty_mlflow.data.sources.room import Room, Share
from beauty_mlflow.data.sources.s3_path import S3Path
from beauty_mlflow.errors import PictureError


class Fetched:
    """A file's content, which is given once, or why it can't be had.

    Args:
        share: What the content takes of the room for what is fetched; given back when it has been used.
        content: The content.
        problem: Why there is none.
    """

    def __init__(self, share: Share, content: bytes = b"", problem: str = "") -> None:
        self._share, self._content, self._problem = share, content, problem

    @contextmanager
    def held(self) -> Iterator[bytes]:
        """Give the content, which counts as in memory until this ends; PictureError where there is none."""
        with self._share:
            if self._problem:
                raise PictureError(self._problem)
            content, self._content = self._content, b""
            yield content

    def read_bytes(self) -> bytes:
        """Return the content, which doesn't count any more; PictureError where there is none."""
        with self.held() as content:
            return content


@contextmanager
def read_ahead(folder: Location, paths: Sequence[str]) -> "Iterator[Iterator[Path] | Iterator[Fetched]]":
    """Give the files of a folder: those of this machine as they are, others fetched some way ahead, many at once.

    How far ahead depends on their sizes: until they have been used they share a ``Room``.

    Raises:
        UnreachableDataError: Nothing can be read there now.
    """
    if isinstance(folder, Path):
        yield (folder / path for path in paths)
        return
    room = Room()
    fetch = partial(_fetch, folder, paths, room)
    with closing(map_threads(fetch, range(len(paths)), readers(folder), room.close)) as files:
        yield files


@contextmanager
def held(picture: Location) -> Iterator[bytes]:
    """Give a picture file's content; what lies far away counts as in memory until this ends.

    Raises:
        PictureError: as ``decode``.
        UnreachableDataError: Nothing can be read there now.
    """
    if isinstance(picture, Path):
        yield read_picture(picture)
    else:
        with picture.held() as content:
            yield content


def _fetch(folder: S3Path, paths: Sequence[str], room: Room, number: int) -> Fetched:
    share = Share(room, number)
    try:
        return Fetched(share, (folder / paths[number]).fetch(share))
    except PictureError as error:
        return Fetched(share, problem=str(error))
