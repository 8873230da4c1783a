"""Data-dependent initialisation: batch normalisation's statistics for weights that were drawn at random.

Without it the features of a frozen random network hardly vary (standard deviation 6e-4 in InceptionV3), and
nothing is learned from them.
"""

from collections.abc import Iterable
from typing import Any

import keras

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
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    before = [(layer.trainable, layer.momentum) for layer in layers]
    trunk = keras.Model(model.input, model.get_layer(f"{HEAD_PREFIX}pooling").output)
    seen = 0
    try:
        for seen, pictures in enumerate(batches, start=1):
            for layer in layers:
                layer.trainable = True
                layer.momentum = (seen - 1) / seen  # makes the moving average a plain mean
            trunk(pictures, training=True)
    finally:
        for layer, (trainable, momentum) in zip(layers, before, strict=True):
            layer.trainable, layer.momentum = trainable, momentum
    if not seen:
        raise WeightsError(
            "No pictures to set the batch-norm statistics from: expected at least one batch of pictures."
        )
