"""The table of networks: pure facts, so that a wrong name or depth is answered before Keras is imported."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from beauty_mlflow.errors import NetworkError, did_you_mean
from beauty_mlflow.networks.blocks import (
    Block,
    convolutions,
    inverted_residuals,
    mbconv_units,
    residual_units,
    same,
    suffixed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Scaling = Literal["unit", "symmetric", "caffe", "lite", "builtin"]
"""How pixels 0..255 are scaled.

``unit``: x / 255, as in the thesis. ``symmetric``: x / 127.5 - 1. ``caffe``: blue first, ImageNet's mean
subtracted. ``lite``: (x - 127) / 128. ``builtin``: the network's own first layers do it.
"""

_HUB = "https://storage.googleapis.com/tensorflow/keras-applications"


@dataclass(frozen=True)
class HubFile:
    """A file of ImageNet weights without top, as Keras distributes it.

    Attributes:
        url: Where it is; the last part is its name in Keras' cache.
        md5: Its checksum, or empty where Keras publishes none.
    """

    url: str
    md5: str = ""

    @property
    def name(self) -> str:
        """The file's name in Keras' cache."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Network:
    """One row of the table.

    Attributes:
        name: As the user writes it.
        image_size: Side of the square picture that the network was made for, in pixels.
        minimum_size: The smallest side that it takes, in pixels.
        scaling: The scaling that its ImageNet weights were trained with.
        stem: Last layer below the first block; empty where the first block is the very bottom.
        blocks: Bottom to top. Layers above the last unit (MobileNetV2's ``Conv_1``, EfficientNet's
            ``top_conv``) belong to the last block, so that they are thawed whenever it is.
        parameters: Of the trunk, without head or top, batch normalisation's moving statistics included.
        hub: ImageNet weights from Keras' hub; None where they come from elsewhere or don't exist.
        thesis_scaling: Whether the 2018 thesis' scaling makes sense for it: not for networks that scale
            their input themselves, nor for those that the thesis didn't have and whose weights need another.
        scratch: Whether it can be trained from scratch with its own top.
        top_pooling: Pooling of its own top.
        top_dropout: Dropout rate of its own top.
    """

    name: str
    image_size: int
    minimum_size: int
    scaling: Scaling
    stem: str
    blocks: tuple[Block, ...]
    parameters: int
    hub: HubFile | None = None
    thesis_scaling: bool = True
    scratch: bool = False
    top_pooling: Literal["average", "max"] = "average"
    top_dropout: float = 0.0

    @property
    def block_names(self) -> tuple[str, ...]:
        """Names of the blocks, bottom to top."""
        return tuple(block.name for block in self.blocks)

    @property
    def last_layer(self) -> str:
        """Name of the trunk's last layer, whose output the head pools."""
        return self.blocks[-1].boundary


def scaling_for(network: Network, rule: Literal["thesis", "own"]) -> Scaling:
    """Return how a recipe with that rule scales the network's pixels.

    ``thesis`` divides by 255 whatever the weights were trained with (as it did), except for networks to
    which that can't apply; ``own`` is what the weights were trained with.
    """
    return "unit" if rule == "thesis" and network.thesis_scaling else network.scaling


def get_network(name: str) -> Network:
    """Return the network of that name.

    Raises:
        NetworkError: If there is none; the message lists those that exist.
    """
    if name not in NETWORKS:
        known = ", ".join(NETWORKS)
        raise NetworkError(f"Unknown network '{name}': expected one of {known}.{did_you_mean(name, NETWORKS)}")
    return NETWORKS[name]


def select_blocks(network: Network, *, blocks: int, unfreeze: str) -> tuple[str, ...]:
    """Return the names of the blocks to thaw, bottom to top.

    Args:
        network: Whose blocks.
        blocks: How many, counted from the top; 0 is the head only.
        unfreeze: Where given, it decides instead of ``blocks``: one block's name, or an inner range with both
            ends included, as ``mixed3..mixed6``.

    Raises:
        NetworkError: If the network has fewer blocks, no block of that name, or the range runs downwards.
    """
    names = network.block_names
    if unfreeze:
        return _select_range(network, unfreeze)
    if not 0 <= blocks <= len(names):
        raise NetworkError(
            f"blocks={blocks} doesn't fit {network.name}: expected 0 to {len(names)} (0: the head only)."
        )
    return names[len(names) - blocks :]


def _select_range(network: Network, unfreeze: str) -> tuple[str, ...]:
    bottom, dots, top = (part.strip() for part in unfreeze.partition(".."))
    first = _position(network, bottom)
    last = _position(network, top) if dots else first
    if first > last:
        raise NetworkError(
            f"unfreeze='{unfreeze}' runs downwards: expected the lower block first, as '{top}..{bottom}'."
        )
    return network.block_names[first : last + 1]


def _position(network: Network, block: str) -> int:
    names = network.block_names
    if block not in names:
        raise NetworkError(
            f"{network.name} has no block '{block}': expected one of {', '.join(names)}, or a range as "
            f"{names[0]}..{names[-1]}.{did_you_mean(block, names)}"
        )
    return names.index(block)


_ALL = (
    Network(
        name="inception_v3",
        image_size=299,
        minimum_size=75,
        scaling="symmetric",
        stem="max_pooling2d_1",
        blocks=same(f"mixed{index}" for index in range(11)),
        parameters=21_802_784,
        hub=HubFile(
            f"{_HUB}/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "bcbd6486424b2319ff4ef7d526e38f63",
        ),
        scratch=True,
    ),
    Network(
        name="resnet50",
        image_size=224,
        minimum_size=32,
        scaling="caffe",
        stem="pool1_pool",
        blocks=residual_units((3, 4, 6, 3)),
        parameters=23_587_712,
        hub=HubFile(
            f"{_HUB}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "4d473c1dd8becc155b73f8504c6f6626",
        ),
        scratch=True,
    ),
    Network(
        name="simplenet",
        image_size=96,  # docs/decisions/simplenet.md
        minimum_size=32,
        scaling="unit",
        stem="",
        blocks=convolutions(pooled={4, 7, 9, 10, 12}),
        parameters=5_500_352,
        scratch=True,
        top_pooling="max",
        top_dropout=0.1,
    ),
    Network(
        name="mobilenet_v2",
        image_size=224,
        minimum_size=32,
        scaling="symmetric",
        stem="Conv1_relu",
        blocks=inverted_residuals(),
        parameters=2_257_984,
        hub=HubFile(
            f"{_HUB}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        ),
    ),
    Network(
        name="efficientnet_b0",
        image_size=224,
        minimum_size=32,
        scaling="builtin",
        stem="stem_activation",
        blocks=mbconv_units(),
        parameters=4_049_571,
        hub=HubFile(
            "https://storage.googleapis.com/keras-applications/efficientnetb0_notop.h5",
            "50bc09e76180e00e4465e1a485ddc09d",
        ),
        thesis_scaling=False,
    ),
    Network(
        name="efficientnet_lite0",
        image_size=224,
        minimum_size=32,
        scaling="lite",
        stem="stem_activation",
        blocks=mbconv_units(),
        parameters=3_413_024,
        thesis_scaling=False,
    ),
    Network(
        name="tiny",  # for trying the machinery, not for results
        image_size=32,
        minimum_size=8,
        scaling="unit",
        stem="",
        blocks=suffixed((f"conv{index}", "relu") for index in range(1, 4)),
        parameters=6_200,
    ),
)

NETWORKS: Mapping[str, Network] = MappingProxyType({network.name: network for network in _ALL})
