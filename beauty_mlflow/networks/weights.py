"""Initial weights: ImageNet's, random ones, or those of a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from beauty_mlflow.errors import WeightsError, did_you_mean
from beauty_mlflow.networks.building import HEAD_PREFIX, SCALING_PREFIX, trunk_of
from beauty_mlflow.networks.imagenet import load_imagenet
from beauty_mlflow.networks.table import Network

KEYWORDS = ("auto", "imagenet", "random")
_WEIGHTS_SUFFIX = ".weights.h5"
_MODEL_SUFFIX = ".keras"


@dataclass(frozen=True)
class Loaded:
    """Where the weights come from.

    Attributes:
        source: For the tag ``weights.source``.
        note: What the user must read; empty where there is nothing to say.
        random: Whether the trunk is random: then its batch-norm statistics have to be set from the data.
        head_kept: Whether the head, too, comes from the file.
    """

    source: str
    note: str
    random: bool
    head_kept: bool


def load_weights(
    model: keras.Model,
    network: Network,
    weights: str,
    *,
    classes: tuple[str, ...],
    source_classes: tuple[str, ...] | None = None,
) -> Loaded:
    """Give a freshly built model its initial weights.

    A file's head is kept if it fits and its classes are the same, in the same order. Where its classes aren't
    known (``source_classes`` is None) it is kept if it fits, and the note says so.

    Args:
        model: As ``build_transfer`` makes it.
        network: Its row.
        weights: ``imagenet``; ``random``, which leaves the model as it is; ``auto``, ImageNet's if they can be
            had and else random ones; or the path of a .keras or .weights.h5 file.
        classes: Names of the classes to learn, by id.
        source_classes: Names of the classes of the file's head, by id, where they are known.

    Raises:
        WeightsError: If the weights can't be had or don't fit; the message says what doesn't, and how to go on.
    """
    if weights == "random":
        return Loaded("random", "", random=True, head_kept=False)
    if weights == "imagenet":
        return Loaded(load_imagenet(model, network), "", random=False, head_kept=False)
    if weights == "auto":
        return _load_auto(model, network)
    path = _check_path(weights)
    load = _load_model if path.name.endswith(_MODEL_SUFFIX) else _load_weights_file
    fits, scaling_differs = load(model, network, path)
    kept, note = _decide_head(fits, classes, source_classes)
    return Loaded(f"file:{path.name}", note, random=False, head_kept=kept)
