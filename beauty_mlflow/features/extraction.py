"""Activations at a frozen trunk's boundaries: computed once with the folded trunk, kept in the cache as float16."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from beauty_mlflow.cache.keys import Key
from beauty_mlflow.cache.store import Cache
from beauty_mlflow.data.kept_rows import KeptRows
from beauty_mlflow.data.parallel import one_ahead
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.pipeline import translate_errors
from beauty_mlflow.errors import WorkError
from beauty_mlflow.features.trunk import Trunk, View
from beauty_mlflow.progress import ProgressBar

Activations = npt.NDArray[np.float16]
Images = Callable[[npt.NDArray[np.int64]], Iterable[Any]]
"""From the numbers of pictures in their part to batches of them, float32 [b, size, size, 3], in that order."""


def keep_activations(
    cache: Cache,
    trunk: Trunk,
    names: Sequence[str],
    pictures: Pictures,
    view: View,
    *,
    images: Images,
    bar: ProgressBar,
) -> dict[str, KeptRows]:
    """Return one view's activations at several boundaries; those that the cache lacks are computed in one pass.

    Args:
        cache: Where they are kept.
        trunk: Computes them.
        names: The boundaries.
        pictures: Of one part.
        view: Which version of them.
        images: Gives that version of the pictures.
        bar: Counts the pictures.

    Raises:
        DataError: A picture can't be read.
        WorkError: An activation isn't finite in float16.
        CacheError: There is no room, or the disk fails.
    """
    keys = {trunk.key(name, pictures, view): name for name in names}
    wanted = {key: trunk.rows(name, len(pictures)) for key, name in keys.items()}
    if all(cache.has(key) for key in keys):
        bar.update(len(pictures))
    entries = cache.ensure(wanted, _Pass(trunk, keys, pictures, images, bar))
    return {name: KeptRows(entries[key], pictures) for key, name in keys.items()}


@dataclass(frozen=True, eq=False)
class _Pass:
    """One way of a part's pictures through the trunk."""

    trunk: Trunk
    names: Mapping[Key, str]
    pictures: Pictures
    images: Images
    bar: ProgressBar

    def __call__(self, missing: Sequence[Key], start: int) -> Iterator[Sequence[Activations]]:
        """Yield activations in the order of the pictures' keys from ``start`` on, one array for each missing key."""
        self.bar.update(start)
        with translate_errors():
            for arrays in one_ahead(self._computed([self.names[key] for key in missing], start)):
                yield arrays
                self.bar.update(len(arrays[0]))

    def _computed(self, wanted: Sequence[str], start: int) -> Iterator[Sequence[Activations]]:
        run = self.trunk.compute(wanted)
        for batch in self.images(self.pictures.by_key[start:]):
            rows, finite = run(batch)
            for name, good in zip(wanted, finite, strict=True):
                _require_finite(name, bool(good))
            yield [row.numpy() for row in rows]


def _require_finite(name: str, finite: bool) -> None:
    if not finite:
        raise WorkError(
            f"Activations at {name} are too large for float16, in which the cache keeps them: "
            "train with cache=pictures or cache=none."
        )
