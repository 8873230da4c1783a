"""Initial weights: ImageNet's, random ones, or those of a file."""

from dataclasses import dataclass
from pathlib import Path

import keras

from beauty_mlflow.errors import WeightsError
from beauty_mlflow.networks.imagenet import load_imagenet
from beauty_mlflow.networks.table import Network
from beauty_mlflow.networks.weight_files import load_file


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
    origin: str | None = None,
) -> Loaded:
    """Give a freshly built model its initial weights.

    A file's head is kept if it fits and its classes are the same, in the same order. Where its classes aren't
    known (``source_classes`` is None) it is kept if it fits, and the note says so.

    Args:
        model: As ``build_transfer`` makes it.
        network: Its row.
        weights: ``imagenet``; ``random``, which leaves the model as it is; ``auto``, ImageNet's if they can
            be had and else random ones; or the path of a .keras or .weights.h5 file.
        classes: Names of the classes to learn, by id.
        source_classes: Names of the classes of the file's head, by id, where they are known.
        origin: What to call the file in the source and the note, such as the run that it was fetched from; by
            default it is called by its path.

    Raises:
        WeightsError: If the weights can't be had or don't fit; the message says how to go on.
        ModelError: If they are in a .keras file that can't be loaded, or would run code.
    """
    if weights == "random":
        return Loaded("random", "", random=True, head_kept=False)
    if weights == "imagenet":
        return Loaded(load_imagenet(model, network), "", random=False, head_kept=False)
    if weights == "auto":
        return _load_auto(model, network)
    name, path = origin or weights, Path(weights).expanduser()
    same = source_classes in (None, classes)
    contents = load_file(model, network, path, keep_head=same)
    sentences = [_head_note(name, classes, source_classes, kept=contents.head_kept)]
    if contents.other_scaling:
        sentences.append(f"{name} was trained with pictures scaled in another way ({contents.other_scaling}).")
    return Loaded(origin or f"file:{weights}", " ".join(sentences), random=False, head_kept=contents.head_kept)


def _load_auto(model: keras.Model, network: Network) -> Loaded:
    before = model.get_weights()
    try:
        return Loaded(load_imagenet(model, network), "", random=False, head_kept=False)
    except WeightsError as error:
        model.set_weights(before)  # a damaged file may have been loaded in part
        note = f"WARNING: the weights are random, which costs much accuracy. {error}"
        return Loaded("random", note, random=True, head_kept=False)


def _head_note(name: str, classes: tuple[str, ...], source_classes: tuple[str, ...] | None, *, kept: bool) -> str:
    if kept and source_classes is None:
        return (
            f"The head of {name} is kept: it tells {len(classes)} classes apart, as ours does; "
            "whether they are the same ones, in the same order, the file doesn't say."
        )
    if kept:
        return f"The head of {name} is kept: the classes are the same."
    if source_classes is None or source_classes == classes:
        return f"The head is new: that of {name} has other sizes."
    shared = len(set(classes) & set(source_classes))
    return (
        f"The head is new: {name} was trained on {len(source_classes)} classes, ours are {len(classes)}, "
        f"and {shared} of them have the same name."
    )
