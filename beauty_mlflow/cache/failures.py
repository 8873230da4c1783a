"""What the system refuses, in words."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from beauty_mlflow.errors import CacheError


class FullDiskError(CacheError):
    """The disk has no room left."""


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn an error of the system into a CacheError that says what to do.

    Raises:
        FullDiskError: The disk is full.
        CacheError: The folder can't be used.
    """
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise FullDiskError(
                f"The disk of the cache {folder} is full. Make room (`beauty cache prune` removes what isn't in use), "
                "lower cache_gb, take cache=none, or name a folder on another disk by BEAUTY_CACHE_DIR."
            ) from error
        raise CacheError(
            f"The cache {folder} can't be used: {error}. Mend the folder, name another one by BEAUTY_CACHE_DIR, "
            "or take cache=none."
        ) from error
