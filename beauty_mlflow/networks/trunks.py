"""Trunks that Keras ships, without their weights.

A trunk is a function from scaled pictures [b, size, size, 3] to the last block's output [b, h, w, channels].
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

Trunk = Callable[[Any], Any]

# ImageNet's mean and standard deviation of red, green and blue, of pixels 0..1
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


# layers that keras.applications leaves to Keras to name
_UNNAMED = {
    "activation",
    "average_pooling2d",
    "batch_normalization",
    "concatenate",
    "conv2d",
    "max_pooling2d",
    "normalization",
    "rescaling",
}


def inception_v3(pictures: Any) -> Any:  # noqa: ANN401 - Keras' symbolic tensors are untyped
    """Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision"."""
    trunk = keras.applications.InceptionV3(include_top=False, weights=None, input_tensor=pictures)
    _name_layers(trunk)
    return trunk.output


def resnet50(pictures: Any) -> Any:  # noqa: ANN401 - Keras' symbolic tensors are untyped
    """He et al. 2015, "Deep Residual Learning for Image Recognition"."""
    return keras.applications.ResNet50(include_top=False, weights=None, input_tensor=pictures).output


def mobilenet_v2(pictures: Any) -> Any:  # noqa: ANN401 - Keras' symbolic tensors are untyped
    """Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks"."""
    return keras.applications.MobileNetV2(include_top=False, weights=None, input_tensor=pictures).output


def efficientnet_b0(pictures: Any) -> Any:  # noqa: ANN401 - Keras' symbolic tensors are untyped
    """Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks".

    It scales its pictures itself, from 0..255.
    """
    trunk = keras.applications.EfficientNetB0(include_top=False, weights=None, input_tensor=pictures)
    _name_layers(trunk)
    normalize_as_imagenet(trunk)
    return trunk.output


def normalize_as_imagenet(model: keras.Model) -> None:
    """Let EfficientNet's own first layers standardise pictures by ImageNet's mean and deviation, in float32.

    Keras' weights file has the deviation where the variance belongs, and makes up for it by one more layer if
    and only if the network is built with those weights. Setting the layer right serves any weights.
    """
    model.get_layer("rescaling").dtype_policy = "float32"  # bfloat16 would round the pixels
    layer = model.get_layer("normalization")
    layer.dtype_policy = "float32"
    layer.adapt_mean.assign(np.reshape(IMAGENET_MEAN, layer.adapt_mean.shape))
    layer.adapt_variance.assign(np.reshape(np.square(IMAGENET_DEVIATION), layer.adapt_variance.shape))
    layer.finalize_state()


def _name_layers(trunk: keras.Model) -> None:
    """Number unnamed layers as in a fresh process: Keras counts over all networks of a process."""
    numbers = {layer.name: _numbered(layer.name) for layer in trunk.layers}
    first: dict[str, int] = {}
    for kind, number in numbers.values():
        first[kind] = min(number, first.get(kind, number))
    for layer in trunk.layers:
        kind, number = numbers[layer.name]
        if kind in _UNNAMED:
            layer.name = f"{kind}_{number - first[kind]}".removesuffix("_0")


def _numbered(name: str) -> tuple[str, int]:
    kind, _, number = name.rpartition("_")
    return (kind, int(number)) if number.isdigit() else (name, 0)
