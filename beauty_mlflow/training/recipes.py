"""How to train, as named sets of choices. Nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from beauty_mlflow.errors import ParameterError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beauty_mlflow.data.augmentation import Augment
    from beauty_mlflow.training.schedules import Schedule

BatchNorm = Literal["train", "frozen"]
Precision = Literal["float32", "bfloat16", "float16"]
RecipeScaling = Literal["thesis", "own"]
CacheUse = Literal["activations", "pictures", "none"]
"""What is kept on disk from epoch to epoch and run to run.

``activations``: the frozen trunk's output, where that pays, else as ``pictures``. ``pictures``: decoded and resized
pictures, where they fit the budget. ``none``: nothing.
"""

OPTIMIZERS = ("rmsprop", "adam", "adamw", "nadam", "sgd", "adagrad")
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "float16")
CACHES: tuple[CacheUse, ...] = ("activations", "pictures", "none")


@dataclass(frozen=True)
class Recipe:
    """What ``auto`` means for each training parameter.

    Attributes:
        name: As the user writes it.
        optimizer: One of ``OPTIMIZERS``.
        learning_rate: With blocks unfrozen; the highest of the schedule.
        head_learning_rate: Where the head alone trains.
        label_smoothing: Share of the target that is spread over all classes, in the training loss.
        augment: Augmentation of the training pictures.
        batch_norm: Whether batch normalisation in unfrozen blocks trains or stays in inference mode.
        precision: A precision, or ``auto`` for the fastest that the machine computes natively.
        scaling: ``thesis`` divides pixels by 255 whatever the network was made for, except for networks that
            the thesis didn't have; ``own`` takes each network's own scaling.
        schedule: How the learning rate goes over the run.
        warm_head: Whether the head is trained alone before blocks are unfrozen.
        cache: What is kept on disk.
    """

    name: str
    optimizer: str
    learning_rate: float
    head_learning_rate: float
    label_smoothing: float
    augment: Augment
    batch_norm: BatchNorm
    precision: Precision | Literal["auto"]
    scaling: RecipeScaling
    schedule: Schedule
    warm_head: bool
    cache: CacheUse


_ALL = (
    # The 2018 thesis' protocol for all of its fine-tuning runs.
    Recipe(
        name="thesis",
        optimizer="rmsprop",
        learning_rate=2e-4,
        head_learning_rate=2e-4,
        label_smoothing=0.0,
        augment="thesis",
        batch_norm="train",
        precision="float32",
        scaling="thesis",
        schedule="constant",
        warm_head=False,
        cache="pictures",
    ),
    # Ours: docs/decisions/recipe-fast.md says why each part is so.
    Recipe(
        name="fast",
        optimizer="adamw",
        learning_rate=3e-4,
        head_learning_rate=1e-3,
        label_smoothing=0.1,
        augment="light",
        batch_norm="frozen",
        precision="auto",
        scaling="own",
        schedule="cosine",
        warm_head=True,
        cache="activations",
    ),
)

RECIPES: Mapping[str, Recipe] = MappingProxyType({recipe.name: recipe for recipe in _ALL})


def get_recipe(name: str) -> Recipe:
    """Return the recipe of that name.

    Raises:
        ParameterError: If there is none; the message lists those that exist.
    """
    if name not in RECIPES:
        known = ", ".join(RECIPES)
        raise ParameterError(f"Unknown recipe '{name}': expected one of {known}.{did_you_mean(name, RECIPES)}")
    return RECIPES[name]
