import numpy as np

from beauty_mlflow.cache.entries import Entry
from beauty_mlflow.cache.rowfiles import rows_at_once
from beauty_mlflow.cache.sizes import MB
from beauty_mlflow.errors import CacheError
from beauty_mlflow.progress import ProgressBar


class Megabytes:
    """Counts bytes on a bar of MB, without losing any by rounding."""

    def __init__(self, bar: ProgressBar) -> None:
        self._bar = bar
        self._bytes = 0

    def add(self, size: int) -> None:
        """Count so many bytes more as done."""
        before = self._bytes // MB
        self._bytes += size
        self._bar.update(self._bytes // MB - before)


def verify_entry(entry: Entry, done: Megabytes) -> list[str]:
    """Read every row of an entry that was just opened, and close it.

    Returns:
        What is wrong with it, in a sentence; nothing where all is well.
    """
    step = rows_at_once(entry.rows.row_bytes)
    with entry:
        for start in range(0, entry.rows.count, step):
            end = min(start + step, entry.rows.count)
            try:
                entry.read(np.arange(start, end))
            except CacheError as error:
                return [str(error)]
            done.add((end - start) * entry.rows.row_bytes)
    return []
