"""A network of a few thousand parameters, for trying the machinery, not for results."""

from typing import Any

import keras

_FILTERS = (8, 16, 32)


def tiny(pictures: Any) -> Any:  # noqa: ANN401 - Keras' symbolic tensors are untyped
    """Three convolutions with batch normalisation: [b, size, size, 3] becomes [b, size / 8, size / 8, 32]."""
    x = pictures
    for index, filters in enumerate(_FILTERS, start=1):
        name = f"conv{index}"
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False, name=name)(x)
        x = keras.layers.BatchNormalization(name=f"{name}_bn")(x)
        x = keras.layers.ReLU(name=f"{name}_relu")(x)
    return x
