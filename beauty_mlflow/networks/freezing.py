"""Which layers train: every layer is claimed by exactly one part of the network, or nothing is frozen."""

from collections.abc import Iterable
from typing import Any, Literal

import keras

from beauty_mlflow.errors import NetworkError, did_you_mean
from beauty_mlflow.networks.building import HEAD_PREFIX, SCALING_PREFIX
from beauty_mlflow.networks.table import Network

SCALING, STEM, HEAD = "scaling", "stem", "head"


def freeze(
    model: keras.Model,
    network: Network,
    unfrozen: tuple[str, ...],
    *,
    batch_norm: Literal["train", "frozen"],
) -> None:
    """Freeze all but the head and the blocks named; what was frozen before doesn't matter.

    A frozen batch normalisation runs in inference mode: in Keras 3 ``trainable = False`` on the layer is the
    only thing that does that.

    Args:
        model: As ``build_transfer`` makes it.
        network: Its row.
        unfrozen: Names of the blocks to train, as ``select_blocks`` gives them.
        batch_norm: ``train`` as in the thesis, or ``frozen``: batch normalisation in unfrozen blocks stays in
            inference mode, too.

    Raises:
        NetworkError: If there is no such block, or the model's layers aren't those of the network.
    """
    for name in unfrozen:
        if name not in network.block_names:
            known = ", ".join(network.block_names)
            hint = did_you_mean(name, network.block_names)
            raise NetworkError(f"{network.name} has no block '{name}': expected some of {known}.{hint}")
    for part, layers in claim_layers(model, network).items():
        thawed = part == HEAD or part in unfrozen
        for layer in layers:
            kept = batch_norm == "frozen" and isinstance(layer, keras.layers.BatchNormalization)
            layer.trainable = thawed and not kept


def claim_layers(model: keras.Model, network: Network) -> dict[str, list[Any]]:
    """Return each part's layers, bottom to top: ``scaling``, ``stem``, every block by its name, ``head``.

    Raises:
        NetworkError: If a boundary is missing, blocks aren't in order, or a layer belongs to no part.
    """
    stem = [(STEM, network.stem)] if network.stem else []
    ends = [*stem, *((block.name, block.boundary) for block in network.blocks)]
    parts: dict[str, list[Any]] = {name: [] for name in (SCALING, STEM, *network.block_names, HEAD)}
    for layer in model.layers:
        if layer.name.startswith(SCALING_PREFIX) or isinstance(layer, keras.layers.InputLayer):
            parts[SCALING].append(layer)
        elif layer.name.startswith(HEAD_PREFIX):
            parts[HEAD].append(layer)
        elif not ends:
            raise NetworkError(f"The model isn't a {network.name}: its layer '{layer.name}' is of no block.")
        else:
            part, end = ends[0]
            parts[part].append(layer)
            if layer.name == end:
                del ends[0]
    if ends:
        raise NetworkError(f"The model isn't a {network.name}: '{ends[0][0]}' doesn't end in '{ends[0][1]}'.")
    return parts


def first_trainable_index(model: keras.Model, network: Network) -> int:
    """Return the index of the first trainable layer among the trunk's own, as the thesis counts them.

    The input counts, the scaling layer doesn't. The number of layers where the whole trunk is frozen.
    """
    parts = claim_layers(model, network)
    layers = [layer for part in (STEM, *network.block_names) for layer in parts[part]]
    trainable = (index for index, layer in enumerate(layers, start=1) if layer.trainable)
    return next(trainable, len(layers) + 1)


def count_parameters(model: keras.Model) -> tuple[int, int]:
    """Return how many parameters there are and how many of them train."""
    return model.count_params(), _count(model.trainable_weights)


def describe(model: keras.Model) -> str:
    """Return a table of the layers: index, name, type, output shape, parameters, trainable."""
    header = ("index", "name", "type", "output shape", "parameters", "trainable")
    rows = [header, *(_row(index, layer) for index, layer in enumerate(model.layers))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    total, trainable = count_parameters(model)
    lines.append(f"{total:,} parameters, {trainable:,} of them trainable")
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _row(index: int, layer: Any) -> tuple[str, ...]:  # noqa: ANN401 - Keras' layers are untyped
    shape = " x ".join(str(side) for side in layer.output.shape[1:])
    trains = "yes" if layer.trainable_weights else "no" if layer.weights else ""
    return str(index), layer.name, type(layer).__name__, shape, f"{layer.count_params():,}", trains


def _count(variables: Iterable[Any]) -> int:
    return sum(int(variable.shape.num_elements()) for variable in variables)
