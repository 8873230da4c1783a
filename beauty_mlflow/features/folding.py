"""A frozen network computed in fewer steps: batch normalisation becomes part of the convolution below it."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


def fold(model: keras.Model) -> keras.Model:
    """Return a copy for inference in which each convolution does its batch normalisation's work as well.

    A normalisation in inference mode is a scale and an offset a channel, which can go into the weights and the bias
    of the convolution that feeds it (Jacob et al. 2018, section 3.2). Those that nothing but such a convolution feeds,
    or whose convolution has other readers, stay as they are.

    Args:
        model: Functional network that uses no layer twice; it stays unchanged.

    Returns:
        A network with the same inputs and outputs and weights of its own, nothing of it trainable. Its results equal
        the model's but for rounding.
    """
    pairs = _foldable(model)
    normalised = {convolution.name: layer for layer, convolution in pairs.items()}

    def copy(layer: Any) -> Any:  # noqa: ANN401 - Keras' layers are untyped
        config = layer.get_config()
        if layer.name in normalised:
            config |= {"use_bias": True, "bias_initializer": "zeros"}
        return layer.__class__.from_config(config)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as above
        return args[0] if layer.name in folded else layer(*args, **kwargs)

    folded = {layer.name for layer in pairs}
    twin = keras.models.clone_model(model, clone_function=copy, call_function=call)
    originals = {layer.name: layer for layer in model.layers}
    for layer in twin.layers:
        original = originals.get(layer.name)
        if original is not None:
            layer.set_weights(_weights(original, normalised))
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with copies of its weights
    twin.trainable = False
    return twin


def _foldable(model: keras.Model) -> dict[Any, Any]:
    """Return each batch normalisation that can be folded, with its convolution."""
    made_by = {id(layer.output): layer for layer in model.layers if isinstance(layer, _CONVOLUTIONS)}
    readers = Counter(id(tensor) for layer in model.layers for tensor in keras.tree.flatten(layer.input))
    readers.update(id(tensor) for tensor in keras.tree.flatten(model.output))
    return {
        layer: made_by[id(layer.input)]
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
        and id(layer.input) in made_by
        and readers[id(layer.input)] == 1
        and made_by[id(layer.input)].activation is keras.activations.linear
    }


def _weights(layer: Any, normalised: Mapping[str, Any]) -> list[Any]:  # noqa: ANN401 - as above
    weights = layer.get_weights()
    if layer.name not in normalised:
        return list(weights)
    kernel, *rest = weights
    normalisation = normalised[layer.name]
    variance, mean = (np.asarray(value) for value in (normalisation.moving_variance, normalisation.moving_mean))
    scale = 1 / np.sqrt(variance.astype(np.float64) + normalisation.epsilon)
    if normalisation.scale:
        scale *= np.asarray(normalisation.gamma)
    offset = (np.asarray(rest[0]) - mean if rest else -mean) * scale
    if normalisation.center:
        offset += np.asarray(normalisation.beta)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        scale = scale.reshape(kernel.shape[-2:])
    return [(kernel * scale).astype(kernel.dtype), offset.astype(kernel.dtype)]
