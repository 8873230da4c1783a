import numpy as np

from beauty_mlflow.cache.entries import Entry
from beauty_mlflow.cache.progress import ProgressBar
from beauty_mlflow.cache.rowfiles import rows_at_once
from beauty_mlflow.cache.sizes import MB
from beauty_mlflow.errors import CacheError


def verify_entry(entry: Entry, bar: ProgressBar) -> list[str]:
    """Read every row of an entry that was just opened, and close it.

    Returns:
        What is wrong with it, in a sentence; nothing where all is well.
    """
    step = rows_at_once(entry.rows.row_bytes)
    told = 0
    with entry:
        for start in range(0, entry.rows.count, step):
            end = min(start + step, entry.rows.count)
            try:
                entry.read(np.arange(start, end))
            except CacheError as error:
                return [str(error)]
            bar.update(end * entry.rows.row_bytes // MB - told)
            told = end * entry.rows.row_bytes // MB
    return []
