"""What each stage between two boundaries costs on this machine, measured once and kept."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from beauty_mlflow.cache.keys import Key, Rows
from beauty_mlflow.cache.store import Cache
from beauty_mlflow.features.boundaries import POOLED, STEM, boundaries, trunk_below
from beauty_mlflow.features.planning import Stage
from beauty_mlflow.features.trunk import Trunk
from beauty_mlflow.hardware import cores, processor
from beauty_mlflow.networks.building import HEAD_PREFIX
from beauty_mlflow.networks.freezing import SCALING, claim_layers
from beauty_mlflow.networks.table import Network

_PICTURES = 8
_FORMAT = 1

Seconds = npt.NDArray[np.float64]


def measured_stages(cache: Cache, trunk: Trunk) -> list[Stage]:
    """Return the stages of a trunk, bottom to top, with what each costs; measured where the cache doesn't know yet.

    Layers are run one after the other, without a compiled graph, on a few pictures: a few seconds, once a network,
    picture size, precision and machine. What matters to a plan is the proportion of the stages.

    Args:
        cache: Keeps what was measured.
        trunk: The model's frozen part and how pictures come to it.
    """
    names = boundaries(trunk.network)
    key = Key(
        "costs",
        {
            "network": trunk.network.name,
            "size": trunk.size,
            "precision": trunk.precision,
            "processor": processor(),
            "cores": cores(),
            "gpus": len(tf.config.list_physical_devices("GPU")),
            "tensorflow": tf.__version__,
            "format": _FORMAT,
        },
    )
    rows = Rows(len(names), (3,), "float64")
    with cache.ensure({key: rows}, partial(_measure, trunk))[key] as entry:
        costs = entry.read(np.arange(len(names)))
    return [
        Stage(name, trunk.rows(name, 1).nbytes, *(float(seconds) for seconds in row))
        for name, row in zip(names, costs, strict=True)
    ]


def _measure(trunk: Trunk, _: Sequence[Key], start: int) -> Iterator[Sequence[Seconds]]:
    plain = trunk_below(trunk.model, trunk.network, POOLED)
    folded = trunk.folded
    layers = _layers_by_stage(plain, trunk.network)
    twins = [[folded.get_layer(layer.name) for layer in stage if _has(folded, layer.name)] for stage in layers]
    scaled = claim_layers(plain, trunk.network)[SCALING][-1].name
    below = folded.get_layer(scaled).output, plain.get_layer(scaled).output
    extract = _seconds(twins, below[0], _forward)
    forward = _seconds(layers, below[1], _forward)
    # nothing is kept below the lowest stage, so that whatever it costs to train changes no plan
    train = [forward[0], *_seconds(layers[1:], layers[0][-1].output, _forward_and_back)]
    yield [np.stack([extract, forward, train], axis=1)[start:] / _PICTURES]


def _layers_by_stage(model: keras.Model, network: Network) -> list[list[Any]]:
    parts = claim_layers(model, network)
    trunk = [parts[part] for part in (STEM, *network.block_names) if parts[part]]
    return [*trunk, [model.get_layer(f"{HEAD_PREFIX}pooling")]]


def _has(model: keras.Model, name: str) -> bool:
    return any(layer.name == name for layer in model.layers)


def _seconds(stages: list[list[Any]], symbol: Any, work: Callable[[list[Any], Any, Any], Any]) -> list[float]:  # noqa: ANN401 - symbolic tensor
    """Run the stages in turn, each on what the one below gave, and a second time, which counts."""
    found = []
    value = tf.random.normal((_PICTURES, *symbol.shape[1:]))
    for layers in stages:
        for _ in range(2):  # the first run also makes what the library sets up once
            begun = time.perf_counter()
            result = work(layers, symbol, value)
            tf.reduce_sum(result).numpy()
            seconds = time.perf_counter() - begun
        found.append(seconds)
        value, symbol = result, layers[-1].output
    return found


def _forward(layers: list[Any], symbol: Any, value: Any) -> Any:  # noqa: ANN401 - symbolic and real tensors
    values = {id(symbol): value}
    for layer in layers:
        inputs = [values[id(tensor)] for tensor in keras.tree.flatten(layer.input)]
        values[id(layer.output)] = layer(inputs if isinstance(layer.input, list) else inputs[0], training=False)
    return values[id(layers[-1].output)]


def _forward_and_back(layers: list[Any], symbol: Any, value: Any) -> Any:  # noqa: ANN401 - as above
    weights = [weight.value for layer in layers for weight in layer.weights]
    with tf.GradientTape() as tape:
        tape.watch([value, *weights])
        result = _forward(layers, symbol, value)
    gradients = tape.gradient(result, [value, *weights])
    tf.add_n([tf.reduce_sum(tf.cast(g, tf.float32)) for g in gradients if g is not None]).numpy()
    return result
