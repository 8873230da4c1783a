"""Names of the networks' blocks, and of the layer at which each one ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MBCONV_REPEATS = (1, 2, 2, 3, 3, 4, 1)
"""Units a stage of EfficientNet-B0 and -Lite0 (Tan and Le 2019, table 1)."""


@dataclass(frozen=True)
class Block:
    """One unit that can be unfrozen.

    Attributes:
        name: As the user writes it.
        boundary: The block's last layer: where the trunk ends when the block is the last frozen one.
    """

    name: str
    boundary: str


def same(names: Iterable[str]) -> tuple[Block, ...]:
    """Return blocks that are named like their last layers."""
    return tuple(Block(name, name) for name in names)


def suffixed(endings: Iterable[tuple[str, str]]) -> tuple[Block, ...]:
    """Return blocks whose last layer is named ``<block>_<ending>``, from pairs (block, ending)."""
    return tuple(Block(name, f"{name}_{ending}") for name, ending in endings)


def residual_units(stages: Iterable[int]) -> tuple[Block, ...]:
    """Return ResNet's residual units; ``stages`` says how many each stage has."""
    return suffixed(
        (f"conv{stage}_block{unit}", "out")
        for stage, units in enumerate(stages, start=2)
        for unit in range(1, units + 1)
    )


def inverted_residuals() -> tuple[Block, ...]:
    """Return MobileNetV2's 17 inverted residuals; the last one includes ``Conv_1``."""
    without_shortcut = {1, 3, 6, 10, 13}
    middle = suffixed((f"block_{unit}", "project_BN" if unit in without_shortcut else "add") for unit in range(1, 16))
    return Block("expanded_conv", "expanded_conv_project_BN"), *middle, Block("block_16", "out_relu")


def mbconv_units() -> tuple[Block, ...]:
    """Return EfficientNet-B0's and -Lite0's 16 MBConv units; the last one includes ``top_conv``."""
    units = [
        f"block{stage}{letter}" for stage, repeats in enumerate(MBCONV_REPEATS, start=1) for letter in "abcd"[:repeats]
    ]
    lower = suffixed((unit, "project_bn" if unit.endswith("a") else "add") for unit in units[:-1])
    return *lower, Block(units[-1], "top_activation")


def convolutions(pooled: set[int]) -> tuple[Block, ...]:
    """Return SimpleNet's 13 convolutions; after those in ``pooled`` stand pooling and dropout."""
    return suffixed((f"conv{index}", "dropout" if index in pooled else "relu") for index in range(1, 14))
