"""Where a frozen trunk can end: a network's boundaries, bottom to top, and the trainable rest above one."""

from typing import Any

import keras

from beauty_mlflow.networks.building import HEAD_PREFIX
from beauty_mlflow.networks.table import Network

STEM, POOLED = "stem", "pooled"


def boundaries(network: Network) -> tuple[str, ...]:
    """Return the names of the network's boundaries, bottom to top.

    They are ``stem`` (the output below the first block) where the network has one, every block's name (its output), and
    ``pooled`` (the output of the head's global average pooling).
    """
    stem = (STEM,) if network.stem else ()
    return *stem, *network.block_names, POOLED


def limit(network: Network, unfrozen: tuple[str, ...]) -> str:
    """Return the highest boundary below all that trains; empty where the lowest layers train too.

    Args:
        network: Whose blocks.
        unfrozen: Names of the blocks that train, bottom to top; none of them for the head alone.
    """
    if not unfrozen:
        return POOLED
    below = boundaries(network).index(unfrozen[0]) - 1
    return boundaries(network)[below] if below >= 0 else ""


def output_at(model: keras.Model, network: Network, boundary: str) -> Any:  # noqa: ANN401 - a symbolic tensor
    """Return a transfer network's symbolic tensor at a boundary."""
    ends = {block.name: block.boundary for block in network.blocks}
    ends |= {STEM: network.stem, POOLED: f"{HEAD_PREFIX}pooling"}
    return model.get_layer(ends[boundary]).output


def trunk_below(model: keras.Model, network: Network, *names: str) -> keras.Model:
    """Return the network from pictures to the outputs at one or more boundaries; it shares the model's layers."""
    return keras.Model(model.input, [output_at(model, network, name) for name in names])


def tail_above(model: keras.Model, network: Network, boundary: str) -> keras.Model:
    """Return the network from the activations at a boundary to probabilities; it shares the model's layers."""
    return keras.Model(output_at(model, network, boundary), model.output, name=f"{network.name}_above_{boundary}")
