"""From a row of the table to a Keras network: scaling, trunk, and a head or the network's own top.

Everything is made of Keras' own layers, so that a saved network loads without this package, in safe mode.
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras

from beauty_mlflow.errors import NetworkError
from beauty_mlflow.networks.efficientnet_lite0 import efficientnet_lite0
from beauty_mlflow.networks.simplenet import simplenet
from beauty_mlflow.networks.table import Network, Scaling
from beauty_mlflow.networks.tiny import tiny
from beauty_mlflow.networks.trunks import Trunk, efficientnet_b0, inception_v3, mobilenet_v2, resnet50

INPUT_NAME = "image"
SCALING_PREFIX = "scaling"
HEAD_PREFIX = "head_"

TRUNKS: Mapping[str, Trunk] = {
    "inception_v3": inception_v3,
    "resnet50": resnet50,
    "simplenet": simplenet,
    "mobilenet_v2": mobilenet_v2,
    "efficientnet_b0": efficientnet_b0,
    "efficientnet_lite0": efficientnet_lite0,
    "tiny": tiny,
}

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
_CAFFE_OFFSETS = (-103.939, -116.779, -123.68)  # ImageNet's mean of blue, green and red, negative


def build_transfer(
    network: Network,
    *,
    classes: int,
    image_size: int,
    scaling: Scaling,
    dropout: float,
    dense_units: int,
    precision: str,
    seed: int,
) -> keras.Model:
    """Build trunk and head: global average pooling, dropout, dense ReLU, softmax (the thesis' head).

    The trunk's own dropout, stochastic depth included, is switched off: only so is a frozen trunk a fixed
    function of the picture. The head computes in float32 whatever the precision.

    Args:
        network: Row of the table.
        classes: How many the softmax tells apart.
        image_size: Side of the pictures, in pixels.
        scaling: How pixels are scaled.
        dropout: Rate before the dense layer.
        dense_units: Width of the dense layer; 0 leaves it out.
        precision: What the trunk computes in: float32, bfloat16 or float16. Weights are float32 always.
        seed: The random weights are drawn from it; no global state is changed.

    Returns:
        A flat functional network from pictures [b, image_size, image_size, 3], 0..255, to probabilities
        [b, classes], float32; every layer trainable.

    Raises:
        NetworkError: If the pictures are too small for the network, or the precision is unknown.
    """
    with _drawn_from(seed):
        pictures, x = _build_trunk(network, image_size, scaling, precision)
        x = keras.layers.GlobalAveragePooling2D(name=f"{HEAD_PREFIX}pooling", dtype="float32")(x)
        x = keras.layers.Dropout(dropout, name=f"{HEAD_PREFIX}dropout", dtype="float32")(x)
        if dense_units:
            x = keras.layers.Dense(dense_units, "relu", name=f"{HEAD_PREFIX}dense", dtype="float32")(x)
        model = keras.Model(pictures, _classify(x, classes), name=network.name)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout) and not layer.name.startswith(HEAD_PREFIX):
            layer.rate = 0.0
    return model


def build_scratch(
    network: Network, *, classes: int, image_size: int, scaling: Scaling, precision: str, seed: int
) -> keras.Model:
    """Build the whole network with its own top, every layer trainable.

    Arguments, result and errors are those of ``build_transfer``.
    """
    with _drawn_from(seed):
        pictures, x = _build_trunk(network, image_size, scaling, precision)
        pooling = (
            keras.layers.GlobalMaxPooling2D if network.top_pooling == "max" else keras.layers.GlobalAveragePooling2D
        )
        x = pooling(name=f"{HEAD_PREFIX}pooling", dtype="float32")(x)
        if network.top_dropout:
            x = keras.layers.Dropout(network.top_dropout, name=f"{HEAD_PREFIX}dropout", dtype="float32")(x)
        return keras.Model(pictures, _classify(x, classes), name=network.name)


def trunk_of(model: keras.Model, network: Network) -> keras.Model:
    """Return the network from the pictures to the last block's output; it shares the model's layers.

    Raises:
        NetworkError: If the model isn't that network.
    """
    names = [layer.name for layer in model.layers]
    if network.last_layer not in names:
        raise NetworkError(f"The model isn't a {network.name}: it has no layer '{network.last_layer}'.")
    return keras.Model(model.input, model.get_layer(network.last_layer).output)


def _build_trunk(network: Network, size: int, scaling: Scaling, precision: str) -> tuple[Any, Any]:
    if size < network.minimum_size:
        raise NetworkError(
            f"image_size={size} is too small for {network.name}: expected {network.minimum_size} or more."
        )
    if precision not in _POLICIES:
        raise NetworkError(f"Unknown precision '{precision}': expected one of {', '.join(_POLICIES)}.")
    pictures = keras.Input((size, size, 3), dtype="float32", name=INPUT_NAME)
    scaled = _scale(pictures, scaling)
    with _policy(_POLICIES[precision]):
        return pictures, TRUNKS[network.name](scaled)


def _scale(pictures: Any, scaling: Scaling) -> Any:  # noqa: ANN401 - Keras' symbolic tensors are untyped
    match scaling:
        case "caffe":
            return _rescaling(1.0, _CAFFE_OFFSETS)(keras.ops.flip(pictures, axis=-1))
        case "unit":
            return _rescaling(1 / 255)(pictures)
        case "symmetric":
            return _rescaling(1 / 127.5, -1.0)(pictures)
        case "lite":
            return _rescaling(1 / 128, -127 / 128)(pictures)
        case "builtin":
            return pictures


def _rescaling(scale: float, offset: float | tuple[float, ...] = 0.0) -> Any:  # noqa: ANN401 - an untyped layer
    # in float32 whatever the precision: float16 and bfloat16 would round the pixels
    return keras.layers.Rescaling(scale, offset, name=SCALING_PREFIX, dtype="float32")


def _classify(x: Any, classes: int) -> Any:  # noqa: ANN401 - Keras' symbolic tensors are untyped
    return keras.layers.Dense(classes, "softmax", name=f"{HEAD_PREFIX}predictions", dtype="float32")(x)


@contextmanager
def _policy(name: str) -> Iterator[None]:
    """Set Keras' global precision for a while: keras.applications knows no other way."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def _drawn_from(seed: int) -> Iterator[None]:
    """Let initialisers and dropout draw their seeds from ours: Keras takes them from Python's generator."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
