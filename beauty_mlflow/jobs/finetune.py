import re
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator, model_validator

from beauty_mlflow.jobs.parameters import Job, Summary
from beauty_mlflow.jobs.training_parameters import TrainingParameters, Weights
from beauty_mlflow.networks.table import get_network, select_blocks
from beauty_mlflow.training.recipes import get_recipe

if TYPE_CHECKING:
    from beauty_mlflow.jobs.sessions import Session

DEFAULT_BLOCKS = 6
_DEPTHS = re.compile(r"(?P<first>\d{1,3})(-(?P<last>\d{1,3}))?")


class Finetune(TrainingParameters):
    """Train a new head, and the network's last blocks, from pretrained weights."""

    job = "finetune"

    blocks: int = Field(DEFAULT_BLOCKS, description="How many blocks, from the top, are trained; 0 = head only.")
    unfreeze: str = Field("", description="An inner range of blocks instead, such as mixed3..mixed6.")
    weights: Weights = Field(
        "auto",
        description="imagenet, random, a .weights.h5 or .keras file, a run id, a runs:/ or models:/ URI, or auto: "
        "ImageNet if cached or reachable, else random.",
    )
    dropout: float = Field(0.2, ge=0, lt=1, allow_inf_nan=False, description="Dropout before the dense layers.")
    dense_units: int = Field(512, ge=1, description="Units of the dense layer before the softmax.")
    batch_norm: Literal["auto", "train", "frozen"] = Field(
        "auto", description="Batch normalisation in the unfrozen blocks (thesis recipe: train; fast: frozen)."
    )
    views: int = Field(
        4, ge=1, description="Augmented versions of each picture that the activation cache keeps; epochs take turns."
    )
    cache_depths: str = Field(
        "", description="Depths that will share the activation cache, such as 0-9 or 0,1,3: they are planned together."
    )
    cache_trainings: int = Field(
        1,
        ge=1,
        description="How many trainings will share the activation cache, such as a sweep's trials: what it saves each "
        "of them counts as it is planned.",
    )
    warm_head: Literal["auto", "true", "false"] = Field(
        "auto",
        description="Train the head alone first, on cached activations (fast recipe: true); needs cache=activations.",
    )

    @field_validator("cache_depths")
    @classmethod
    def _are_depths(cls, value: str) -> str:
        parse_depths(value)
        return value

    @model_validator(mode="after")
    def _blocks_exist(self) -> "Finetune":
        if self.unfreeze and self.blocks != DEFAULT_BLOCKS:
            message = f"blocks={self.blocks} and unfreeze={self.unfreeze} contradict each other; give one of them"
            raise ValueError(message)
        _ = self.unfrozen
        if self.warm_head == "true" and not self.caches_activations:
            message = f"warm_head=true needs cache=activations; cache={self.cache} with recipe={self.recipe} isn't that"
            raise ValueError(message)
        for depth in self.depths:
            select_blocks(get_network(self.network), blocks=depth, unfreeze="")
        return self

    @property
    def unfrozen(self) -> tuple[str, ...]:
        """The names of the blocks to train, bottom to top."""
        return select_blocks(get_network(self.network), blocks=self.blocks, unfreeze=self.unfreeze)

    @property
    def caches_activations(self) -> bool:
        """Whether the frozen trunk's activations are to be kept."""
        return (get_recipe(self.recipe).cache if self.cache == "auto" else self.cache) == "activations"

    @property
    def depths(self) -> tuple[int, ...]:
        """The depths that share the activation cache with this one, as ``cache_depths`` names them."""
        return parse_depths(self.cache_depths)


def parse_depths(text: str) -> tuple[int, ...]:
    """Return the depths that a text such as ``0-3,6`` names, each once, in order.

    Raises:
        ValueError: It names none; the message says how to write them.
    """
    depths: set[int] = set()
    for part in filter(None, text.split(",")):
        found = _DEPTHS.fullmatch(part.strip())
        if not found:
            message = f"'{text}' names no depths; expected numbers and ranges such as 0-3,6"
            raise ValueError(message)
        first, last = int(found["first"]), int(found["last"] or found["first"])
        if first > last:
            message = f"'{text}' runs downwards; expected the smaller depth first, as {last}-{first}"
            raise ValueError(message)
        depths.update(range(first, last + 1))
    return tuple(sorted(depths))


def run(parameters: Finetune) -> Summary:
    """Fine-tune in a run of its own, or go on with an interrupted one."""
    from beauty_mlflow.jobs.sessions import in_session

    return in_session(parameters, parameters.command(), finetune_in)


def finetune_in(current: "Session") -> Summary:
    """Fine-tune in an open session. TensorFlow is imported only here, after the data has been found good."""
    from beauty_mlflow.jobs.building import build_finetuned
    from beauty_mlflow.jobs.training import train_and_evaluate

    return train_and_evaluate(current, build_finetuned)


JOB = Job(Finetune, run)
