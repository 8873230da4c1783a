"""Activations at a frozen trunk's boundaries: computed once with the folded trunk, kept in the cache as float16."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from beauty_mlflow.cache.entries import Entry
from beauty_mlflow.cache.keys import Key, Rows
from beauty_mlflow.cache.store import Cache
from beauty_mlflow.data.augmentation import Augment
from beauty_mlflow.data.images import Resize
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.pipeline import batches, translate_errors
from beauty_mlflow.data.progress import ProgressBar
from beauty_mlflow.data.row_batches import RowSource
from beauty_mlflow.errors import WorkError
from beauty_mlflow.features.boundaries import POOLED, STEM, output_at, trunk_below
from beauty_mlflow.features.folding import fold
from beauty_mlflow.networks.freezing import SCALING, claim_layers
from beauty_mlflow.networks.table import Network, Scaling

BATCH_SIZE = 32
_FORMAT = 1  # raise it whenever what is computed changes: what is kept is then made anew

Activations = npt.NDArray[np.float16]


@dataclass(frozen=True)
class View:
    """One version of a part's pictures.

    Attributes:
        augment: Kind of augmentation; ``none`` has one view only.
        seed: Of the augmentation.
        number: Which view, from 0.
    """

    augment: Augment = "none"
    seed: int = 0
    number: int = 0

    def content(self) -> Mapping[str, object]:
        """Return what identifies it."""
        return {} if self.augment == "none" else {"augment": self.augment, "seed": self.seed, "view": self.number}


@dataclass(frozen=True, eq=False)
class Trunk:
    """A transfer network's trunk, and how pictures come to it.

    Args:
        model: As ``build_transfer`` makes it, with its initial weights.
        network: Its row of the table.
        size: Side of the pictures, in pixels.
        resize: How a picture is brought to that size.
        scaling: How the model scales pixels.
        precision: What the model computes in.
    """

    model: keras.Model
    network: Network
    size: int
    resize: Resize
    scaling: Scaling
    precision: str
    _digests: dict[str, str] = field(default_factory=dict)
    _compiled: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def digest(self, boundary: str) -> str:
        """Return the identity of all that is computed below a boundary; hex digits of a sha256 over the weights."""
        if not self._digests:
            self._digests.update(_digests(self.model, self.network))
        return self._digests[boundary]

    def rows(self, boundary: str, count: int) -> Rows:
        """Return the array that the activations of so many pictures are."""
        return Rows(count, tuple(output_at(self.model, self.network, boundary).shape[1:]), "float16")

    def key(self, boundary: str, pictures: Pictures, view: View) -> Key:
        """Return what identifies the activations of one view of a part's pictures at a boundary."""
        return Key(
            "activations",
            {
                "network": self.network.name,
                "boundary": boundary,
                "weights": self.digest(boundary),
                "pictures": pictures.digest,
                "size": self.size,
                "resize": self.resize,
                "scaling": self.scaling,
                "precision": self.precision,
                "format": _FORMAT,
                **view.content(),
            },
        )

    def compute(self, names: Sequence[str]) -> Any:  # noqa: ANN401 - a tf.function
        """Return a function from pictures, float32 [b, size, size, 3], to float16 activations at the boundaries."""
        wanted = tuple(names)
        if wanted not in self._compiled:
            folded = fold(trunk_below(self.model, self.network, *wanted))
            self._compiled[wanted] = tf.function(
                lambda images: [tf.cast(output, tf.float16) for output in _as_list(folded(images, training=False))],
                input_signature=[tf.TensorSpec([None, self.size, self.size, 3], tf.float32)],
            )
        return self._compiled[wanted]


def keep_activations(
    cache: Cache,
    trunk: Trunk,
    names: Sequence[str],
    pictures: Pictures,
    view: View,
    *,
    decoded: RowSource | None,
    bar: ProgressBar,
) -> dict[str, Entry]:
    """Return one view's activations at several boundaries; those that the cache lacks are computed in one pass.

    Args:
        cache: Where they are kept.
        trunk: Computes them.
        names: The boundaries.
        pictures: Of one part.
        view: Which version of them.
        decoded: The pictures decoded before, or none.
        bar: Counts the pictures.

    Raises:
        DataError: A picture can't be read.
        WorkError: An activation isn't finite in float16.
        CacheError: There is no room, or the disk fails.
    """
    keys = {trunk.key(name, pictures, view): name for name in names}
    wanted = {key: trunk.rows(name, len(pictures)) for key, name in keys.items()}
    entries = cache.ensure(wanted, _Pass(trunk, keys, pictures, view, decoded, bar))
    return {name: entries[key] for key, name in keys.items()}


@dataclass(frozen=True, eq=False)
class _Pass:
    """One way of a part's pictures through the trunk."""

    trunk: Trunk
    names: Mapping[Key, str]
    pictures: Pictures
    view: View
    decoded: RowSource | None
    bar: ProgressBar

    def __call__(self, missing: Sequence[Key], start: int) -> Iterator[Sequence[Activations]]:
        """Yield the activations of consecutive pictures from ``start`` on, one array for each missing key."""
        self.bar.update(start)
        wanted = [self.names[key] for key in missing]
        run = self.trunk.compute(wanted)
        with translate_errors():
            for images, _ in self._batches(start):
                arrays = [output.numpy() for output in run(images)]
                for name, array in zip(wanted, arrays, strict=True):
                    _require_finite(name, array)
                yield arrays
                self.bar.update(len(arrays[0]))

    def _batches(self, start: int) -> tf.data.Dataset:
        return batches(
            self.pictures.since(start),
            size=self.trunk.size,
            resize=self.trunk.resize,
            batch_size=BATCH_SIZE,
            augment=self.view.augment,
            seed=self.view.seed,
            view=self.view.number,
            kept=_Since(self.decoded, start) if self.decoded else None,
        )


class _Since:
    """The rows of another source from a number on."""

    def __init__(self, source: RowSource, start: int) -> None:
        self._source, self._start = source, start
        self.rows = Rows(source.rows.count - start, source.rows.shape, source.rows.dtype)

    def read(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        return self._source.read(indices + self._start)


def _require_finite(name: str, array: Activations) -> None:
    if not np.isfinite(array).all():
        raise WorkError(
            f"Activations at {name} are too large for float16, in which the cache keeps them: "
            "train with cache=pictures or cache=none."
        )


def _digests(model: keras.Model, network: Network) -> dict[str, str]:
    """Return a digest for each boundary, over the weights of the layers below it."""
    digest = hashlib.sha256()
    found: dict[str, str] = {}
    for part, layers in claim_layers(model, network).items():
        for layer in layers:
            for weight in layer.weights if part != SCALING else ():
                digest.update(f"{layer.name}/{weight.name}".encode())
                digest.update(np.ascontiguousarray(weight).tobytes())
        if part in (STEM, *network.block_names):
            found[part] = found[POOLED] = digest.hexdigest()[:32]
    return found


def _as_list(outputs: Any) -> list[Any]:  # noqa: ANN401 - as Keras gives them
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
