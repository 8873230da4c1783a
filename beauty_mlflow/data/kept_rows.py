"""Rows of a part's pictures that a cache keeps: the same ones after pictures are renamed or classes are merged."""

from typing import Any

import numpy as np
import numpy.typing as npt

from beauty_mlflow.cache.entries import Entry
from beauty_mlflow.data.pictures import Pictures


class KeptRows:
    """An entry whose rows are in the order of ``Pictures.by_key``, read by the pictures' numbers in their part."""

    def __init__(self, entry: Entry, pictures: Pictures) -> None:
        self.key, self.rows = entry.key, entry.rows
        self._entry = entry
        self._places = np.argsort(pictures.by_key)

    def read(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the rows of the pictures of these numbers, [m, *shape]; several threads may call it at once.

        Raises:
            CacheError: A row is damaged or can't be read.
        """
        return self._entry.read(self._places[indices])

    def close(self) -> None:
        """Stop reading; the entry may be removed from now on."""
        self._entry.close()
