"""A network's frozen part: what identifies what it computes, and the folded function that computes it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from beauty_mlflow.cache.keys import Key, Rows
from beauty_mlflow.data.augmentation import Augment, identity
from beauty_mlflow.data.decoded import DECODER
from beauty_mlflow.data.images import Resize
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.features.boundaries import POOLED, STEM, boundaries, output_at, trunk_below
from beauty_mlflow.features.folding import fold
from beauty_mlflow.networks.freezing import SCALING, claim_layers
from beauty_mlflow.networks.table import Network, Scaling

_FORMAT = 2  # raise it whenever what is computed changes: what is kept is then made anew


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
        if self.augment == "none":
            return {}
        return {**identity(self.augment), "seed": self.seed, "view": self.number}


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

    @cached_property
    def folded(self) -> keras.Model:
        """The trunk, folded; its outputs are those at all boundaries, bottom to top."""
        return fold(trunk_below(self.model, self.network, *boundaries(self.network)))

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
                "decoder": DECODER,
                "scaling": self.scaling,
                "precision": self.precision,
                "format": _FORMAT,
                **view.content(),
            },
        )

    def compute(self, names: Sequence[str]) -> Any:  # noqa: ANN401 - a tf.function
        """Return a function from pictures, float32 [b, size, size, 3], to what is kept of them.

        It gives the float16 activations at each boundary, and for each whether all of them are finite.
        """
        wanted = tuple(names)
        if wanted not in self._compiled:
            outputs = dict(zip(boundaries(self.network), self.folded.outputs, strict=True))
            below = keras.Model(self.folded.input, [outputs[name] for name in wanted])
            self._compiled[wanted] = tf.function(
                lambda images: _stored(_as_list(below(images, training=False))),
                input_signature=[tf.TensorSpec([None, self.size, self.size, 3], tf.float32)],
            )
        return self._compiled[wanted]


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


def _stored(outputs: list[Any]) -> tuple[list[Any], list[Any]]:
    rows = [tf.cast(output, tf.float16) for output in outputs]
    return rows, [tf.reduce_all(tf.math.is_finite(row)) for row in rows]


def _as_list(outputs: Any) -> list[Any]:  # noqa: ANN401 - as Keras gives them
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
