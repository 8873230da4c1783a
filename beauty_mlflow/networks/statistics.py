"""Data-dependent initialisation: batch normalisation's statistics for weights that were drawn at random.

Without it the features of a frozen random network hardly vary (standard deviation 6e-4 in InceptionV3), and
nothing is learned from them.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from beauty_mlflow.errors import WeightsError
from beauty_mlflow.networks.building import HEAD_PREFIX


def set_batch_norm_statistics(model: keras.Model, batches: Iterable[Any]) -> None:
    """Set every moving mean and variance to the plain mean of what the batches have; nothing else changes.

    Each layer sees its input as batch normalisation below it makes it in training, so that one pass a batch
    suffices.

    Args:
        model: As ``build_transfer`` or ``build_scratch`` makes it.
        batches: Pictures, float32 [b, size, size, 3] in 0..255. A few batches will do.

    Raises:
        WeightsError: If there is no batch.
    """
    layers, statistics = _layers(model), batch_norm_statistics(model)
    trunk = keras.Model(model.input, model.get_layer(f"{HEAD_PREFIX}pooling").output)

    # compiled, because an eager pass keeps every layer's output: 9 GB for 64 pictures of InceptionV3
    run = tf.function(partial(trunk, training=True), reduce_retracing=True)
    seen = []
    with _taking_the_batches_own(layers):
        for pictures in batches:
            run(tf.convert_to_tensor(pictures))
            seen.append([weight.numpy() for weight in statistics])
    if not seen:
        raise WeightsError(
            "No pictures to set the batch-norm statistics from: expected at least one batch of pictures."
        )
    for weight, values in zip(statistics, zip(*seen, strict=True), strict=True):
        weight.assign(np.mean(values, axis=0))


def batch_norm_statistics(model: keras.Model) -> list[Any]:
    """Return every moving mean and variance, as variables in the layers' order."""
    return [weight for layer in _layers(model) for weight in (layer.moving_mean, layer.moving_variance)]


def _layers(model: keras.Model) -> list[Any]:
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


@contextmanager
def _taking_the_batches_own(layers: list[Any]) -> Iterator[None]:
    """Let each pass in training mode replace the moving statistics by those of its batch."""
    before = [(layer.trainable, layer.momentum) for layer in layers]
    for layer in layers:
        layer.trainable, layer.momentum = True, 0.0
    try:
        yield
    finally:
        for layer, (trainable, momentum) in zip(layers, before, strict=True):
            layer.trainable, layer.momentum = trainable, momentum
