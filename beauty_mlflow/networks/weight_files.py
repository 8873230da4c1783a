"""Initial weights from a file of the user's: a .keras network or a .weights.h5 file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from beauty_mlflow.errors import WeightsError, did_you_mean
from beauty_mlflow.networks.building import HEAD_PREFIX, SCALING_PREFIX, trunk_of
from beauty_mlflow.networks.keras_file import brief, check_arrays, load_keras_file
from beauty_mlflow.networks.table import Network

KEYWORDS = ("auto", "imagenet", "random")
_SUFFIXES = (".keras", ".weights.h5")


@dataclass(frozen=True)
class Contents:
    """What came from the file besides the trunk's weights.

    Attributes:
        head_kept: Whether the head's did.
        other_scaling: The file's scaling of pictures in words, if it isn't the model's and the file says.
    """

    head_kept: bool
    other_scaling: str = ""


def load_file(model: keras.Model, network: Network, path: Path, *, keep_head: bool) -> Contents:
    """Set the trunk's weights, and the head's if it is to be kept and fits.

    Raises:
        WeightsError: If there is no such file, it is damaged, or its trunk doesn't fit.
        ModelError: If it is a .keras file that can't be loaded, or would run code.
    """
    if not path.name.endswith(_SUFFIXES):
        expected = f"{', '.join(KEYWORDS)}, or a path that ends in {' or '.join(_SUFFIXES)}"
        hint = did_you_mean(str(path), KEYWORDS)
        raise WeightsError(f"weights='{path}' isn't known: expected {expected}.{hint}")
    if not path.is_file():
        raise WeightsError(f"There is no weights file {path}: expected an existing .keras or .weights.h5 file.")
    if path.name.endswith(".keras"):
        return _load_network(model, network, path, keep_head=keep_head)
    return Contents(_load_weights(model, network, path, keep_head=keep_head))


def _load_network(model: keras.Model, network: Network, path: Path, *, keep_head: bool) -> Contents:
    source = load_keras_file(path)
    theirs = list(_weighted_layers(source))
    ours = list(_weighted_layers(trunk_of(model, network)))
    _check_trunk(ours, theirs, network, path)
    head = [layer for layer in _weighted_layers(model) if layer.name.startswith(HEAD_PREFIX)]
    their_head = theirs[len(ours) :]
    kept = keep_head and [_shapes(layer) for layer in head] == [_shapes(layer) for layer in their_head]
    for layer, other in zip([*ours, *head] if kept else ours, theirs, strict=False):
        layer.set_weights(other.get_weights())
    their_scaling = _scaling(source)
    return Contents(kept, their_scaling if their_scaling != _scaling(model) else "")


def _load_weights(model: keras.Model, network: Network, path: Path, *, keep_head: bool) -> bool:
    try:
        check_arrays(path, path.stat().st_size)
    except Exception as error:  # as below
        raise _unfit(network, path, error) from error
    if keep_head:
        before = model.get_weights()
        try:
            model.load_weights(path)
        except Exception:  # noqa: BLE001 - whatever is wrong beyond the head, the trunk alone will tell
            model.set_weights(before)
        else:
            return True
    try:
        trunk_of(model, network).load_weights(path)
    except Exception as error:  # Keras and h5py raise nearly anything for a damaged file
        raise _unfit(network, path, error) from error
    return False


def _unfit(network: Network, path: Path, error: Exception) -> WeightsError:
    return WeightsError(f"{path} doesn't fit {network.name}, or is damaged: {brief(error)}")


def _check_trunk(ours: list[Any], theirs: list[Any], network: Network, path: Path) -> None:
    for index, layer in enumerate(ours):
        found = _kind(theirs[index]) if index < len(theirs) else "nothing"
        if found != _kind(layer):
            raise WeightsError(
                f"{path} doesn't fit {network.name}: layer '{layer.name}' is {_kind(layer)}, "
                f"the file has {found}. Use a file of the same network."
            )


def _weighted_layers(model: keras.Model) -> Iterator[Any]:
    """Yield the layers that have weights, those of nested networks included."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _weighted_layers(layer)
        elif layer.weights:
            yield layer


def _kind(layer: Any) -> str:  # noqa: ANN401 - Keras' layers are untyped
    return f"{type(layer).__name__} {', '.join(str(shape) for shape in _shapes(layer))}"


def _shapes(layer: Any) -> list[tuple[int, ...]]:  # noqa: ANN401 - Keras' layers are untyped
    return [tuple(weight.shape) for weight in layer.weights]


def _scaling(model: keras.Model) -> str:
    layers = [layer for layer in model.layers if layer.name == SCALING_PREFIX]
    return f"x * {layers[0].scale:.4g} + {layers[0].offset}" if layers else ""
