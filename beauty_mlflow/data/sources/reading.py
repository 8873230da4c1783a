"""Reading many files that lie far away, in less time than one after the other and in bounded memory."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from beauty_mlflow.data.parallel import map_threads
from beauty_mlflow.data.sources.fetch_budget import FetchBudget, Share
from beauty_mlflow.data.sources.locations import Location, readers
from beauty_mlflow.data.sources.s3_path import S3Path
from beauty_mlflow.errors import PictureError


class Fetched:
    """A file's content, which is given once, or why it can't be had.

    Args:
        share: What the content takes of the budget for what is fetched; given back when it has been used.
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
def read_ahead(folder: Location, paths: Sequence[str]) -> "Iterator[Iterator[Path | Fetched]]":
    """Give the files of a folder: those of this machine as they are, others fetched some way ahead, many at once.

    How far ahead depends on their sizes: until they have been used they share a ``FetchBudget``.

    Raises:
        UnreachableDataError: Nothing can be read there now.
    """
    if isinstance(folder, Path):
        yield (folder / path for path in paths)
        return
    budget = FetchBudget()
    fetch = partial(_fetch, folder, paths, budget)
    with closing(map_threads(fetch, range(len(paths)), readers(folder), budget.close)) as files:
        yield files


def _fetch(folder: S3Path, paths: Sequence[str], budget: FetchBudget, number: int) -> Fetched:
    share = Share(budget, number)
    try:
        return Fetched(share, (folder / paths[number]).fetch(share))
    except PictureError as error:
        return Fetched(share, problem=str(error))
