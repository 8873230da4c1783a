"""The optimizers by name. Where nothing is said, the settings are Keras 3's defaults."""

from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from beauty_mlflow.errors import ParameterError, did_you_mean


def _rmsprop(learning_rate: float) -> keras.Optimizer:
    # The thesis' Keras divided by sqrt(v) + 1e-7, Keras 3 divides by sqrt(v + epsilon): with its default of
    # 1e-7, gradients under 3e-4 would hardly move a weight. 1e-14 is the old floor of 1e-7 under the root.
    return keras.optimizers.RMSprop(learning_rate, rho=0.9, momentum=0.0, epsilon=1e-14)


def _sgd(learning_rate: float) -> keras.Optimizer:
    return keras.optimizers.SGD(learning_rate, momentum=0.9)


_FACTORIES: Mapping[str, Callable[[float], keras.Optimizer]] = {
    "rmsprop": _rmsprop,
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "nadam": keras.optimizers.Nadam,
    "sgd": _sgd,
    "adagrad": keras.optimizers.Adagrad,
}


def build_optimizer(name: str, learning_rate: float) -> keras.Optimizer:
    """Return a new Keras optimizer.

    ``rmsprop`` is that of the thesis' Keras 2 (rho 0.9, no momentum, 1e-7 added outside the root), ``sgd``
    has a momentum of 0.9, ``adamw`` a decoupled weight decay of 0.004.

    Raises:
        ParameterError: If there is no optimizer of that name.
    """
    if name not in _FACTORIES:
        known = ", ".join(_FACTORIES)
        raise ParameterError(f"Unknown optimizer '{name}': expected one of {known}.{did_you_mean(name, _FACTORIES)}")
    optimizer = _FACTORIES[name](learning_rate)
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        # Keras sums gradients over the replicas. With one there is nothing to sum, but TensorFlow keeps the gradient
        # function of that sum, and through it the whole training graph, until the process ends.
        optimizer._all_reduce_sum_gradients = list  # noqa: SLF001
    return optimizer


def scale_loss(optimizer: keras.Optimizer, model: keras.Model) -> keras.Optimizer:
    """Let the optimizer scale the loss if any layer computes in float16, where small gradients become 0.

    Keras does so itself only for a network whose own policy is mixed_float16. A step whose scaled gradients
    overflow changes no weights and halves the scale. Source: Micikevicius et al. 2018, Mixed Precision
    Training, section 3.2 (loss scaling).
    """
    return keras.optimizers.LossScaleOptimizer(optimizer) if _computes_in_float16(model) else optimizer


def _computes_in_float16(model: keras.Model) -> bool:
    return any(
        _computes_in_float16(layer) if isinstance(layer, keras.Model) else layer.compute_dtype == "float16"
        for layer in model.layers
    )
