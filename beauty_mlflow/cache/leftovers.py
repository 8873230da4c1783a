"""What killed processes have left in the cache."""

import shutil
from functools import partial
from pathlib import Path

from beauty_mlflow.cache.inventory import Stored, scan, sweep
from beauty_mlflow.cache.layout import LOCK, REMOVED, Place, entries_folder
from beauty_mlflow.cache.sizes import size_text
from beauty_mlflow.leftovers import Leftover
from beauty_mlflow.locks import is_held
from beauty_mlflow.temporary import bytes_below

PARTIAL, DAMAGED, DELETED, LOCKS = (
    "partial cache entry",
    "damaged cache entry",
    "half-deleted cache entry",
    "locks of cache entries that are gone",
)


def find(folder: Path | None = None) -> list[Leftover]:
    """Return the entries that nobody makes or can read any more, and what is left of others.

    Args:
        folder: The cache's, by default the user's.

    Raises:
        OSError: It can't be read.
    """
    folder = folder or entries_folder()
    entries = [_entry(one) for one in scan(folder) if not (one.whole and one.key) and not one.in_use()]
    deleted = [_deleted(path) for path in sorted(folder.glob(f"*{REMOVED}"))]
    return [*entries, *deleted, *_locks(folder)]


def _entry(one: Stored) -> Leftover:
    kind = DAMAGED if one.whole else PARTIAL
    goes_on = (
        "" if one.whole else f"{size_text(one.size)} of {size_text(one.full_size)}; the same command goes on there"
    )
    return Leftover(kind, one.place.name, "remove it", partial(_remove, one), one.size, one.used, goes_on)


def _remove(one: Stored) -> bool:
    lock = one.try_take()
    if lock is None:
        return False
    try:
        still = next((found for found in scan(one.place.folder) if found.folder == one.folder), None)
        if still is None or (still.whole and still.key):
            return False
        one.remove(lock)
    finally:
        lock.release()
    return True


def _deleted(path: Path) -> Leftover:
    def mend() -> bool:
        shutil.rmtree(path, ignore_errors=True)
        return not path.exists()

    return Leftover(DELETED, str(path), "remove it", mend, bytes_below(path), path.stat().st_mtime)


def _locks(folder: Path) -> list[Leftover]:
    """Return the locks that belong to nothing, all in one."""
    unused = [path for path in folder.glob(f"*-*{LOCK}") if _is_unused(path)]
    if not unused:
        return []

    def mend() -> bool:
        sweep(folder)
        return True

    oldest = min(path.stat().st_mtime for path in unused)
    return [Leftover(LOCKS, str(folder), "remove them", mend, since=oldest, details=f"{len(unused)} files")]


def _is_unused(path: Path) -> bool:
    place = Place(path.parent, path.name.removesuffix(LOCK))
    return not (place.whole.exists() or place.partial.exists() or is_held(path))
