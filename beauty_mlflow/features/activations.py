"""All views of a split's training pictures, and its validation pictures, at some boundaries of a trunk."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from beauty_mlflow.cache.keys import Key, Rows
from beauty_mlflow.cache.store import Cache
from beauty_mlflow.data.augmentation import Augment
from beauty_mlflow.data.kept_rows import KeptRows
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.pipeline import batches
from beauty_mlflow.data.row_calls import RowSource
from beauty_mlflow.features.extraction import keep_activations
from beauty_mlflow.features.trunk import Trunk, View
from beauty_mlflow.progress import Progress

BATCH_SIZE = 32


@dataclass(frozen=True, eq=False)
class Versions:
    """What is kept of a split: each training picture in several views, each validation picture as it is.

    Attributes:
        train: Training pictures.
        validation: Validation pictures.
        augment: Kind of augmentation; with ``none`` there is one view.
        seed: Of the augmentation.
        views: How many.
    """

    train: Pictures
    validation: Pictures
    augment: Augment
    seed: int
    views: int

    @property
    def rows(self) -> int:
        """Rows that one boundary has in all."""
        return self.views * len(self.train) + len(self.validation)

    def __iter__(self) -> Iterator[tuple[Pictures, View]]:
        """Yield each set of rows: the training pictures' views in turn, then the validation pictures."""
        for number in range(self.views):
            yield self.train, View(self.augment, self.seed, number)
        yield self.validation, View()


def keys_at(trunk: Trunk, boundary: str, versions: Versions) -> list[Key]:
    """Return what identifies the entries of one boundary, in the order of ``versions``."""
    return [trunk.key(boundary, pictures, view) for pictures, view in versions]


def is_stored(cache: Cache, trunk: Trunk, boundary: str, versions: Versions, held: ExitStack) -> bool:
    """Return whether a boundary has all of its rows; if so, they stay open until ``held`` ends."""
    with ExitStack() as opened:
        for key in keys_at(trunk, boundary, versions):
            entry = cache.find(key)
            if entry is None:
                return False
            opened.callback(entry.close)
        held.push(opened.pop_all())
        return True


def keep_versions(
    cache: Cache,
    trunk: Trunk,
    names: Sequence[str],
    versions: Versions,
    *,
    decoded: RowSource | None,
    progress: Progress,
) -> dict[str, list[KeptRows]]:
    """Return each boundary's rows, open, in the order of ``versions``; what is missing is computed.

    Args:
        cache: Where they are kept.
        trunk: Computes them.
        names: The boundaries.
        versions: Of which pictures.
        decoded: The training pictures decoded before, or none.
        progress: Shows how many pictures are done.

    Raises:
        DataError, WorkError, CacheError: See ``keep_activations``.
    """
    kept: dict[str, list[KeptRows]] = {name: [] for name in names}
    with ExitStack() as opened, progress("Extracting", versions.rows) as bar:
        for pictures, view in versions:
            source = decoded if pictures is versions.train else None
            images = partial(_images, trunk, pictures, view, source)
            for name, rows in keep_activations(cache, trunk, names, pictures, view, images=images, bar=bar).items():
                opened.callback(rows.close)
                kept[name].append(rows)
        opened.pop_all()
    return kept


def _images(
    trunk: Trunk, pictures: Pictures, view: View, decoded: RowSource | None, numbers: npt.NDArray[np.int64]
) -> Iterator[Any]:
    dataset = batches(
        pictures.select(numbers),
        size=trunk.size,
        resize=trunk.resize,
        batch_size=BATCH_SIZE,
        augment=view.augment,
        seed=view.seed,
        view=view.number,
        kept=_Selected(decoded, numbers) if decoded else None,
    )
    return (images for images, _ in dataset)


class _Selected:
    """Some rows of another source."""

    def __init__(self, source: RowSource, numbers: npt.NDArray[np.int64]) -> None:
        self._source, self._numbers = source, numbers
        self.rows = Rows(len(numbers), source.rows.shape, source.rows.dtype)

    def read(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        return self._source.read(self._numbers[indices])
