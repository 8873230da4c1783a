from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from beauty_mlflow.jobs.parameters import Job, Summary
from beauty_mlflow.jobs.training_parameters import TrainingParameters, Weights
from beauty_mlflow.networks.table import get_network, select_blocks

if TYPE_CHECKING:
    from beauty_mlflow.jobs.sessions import Session

DEFAULT_BLOCKS = 6


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
        "auto", description="Batch normalisation in the unfrozen blocks (thesis recipe: train)."
    )

    @model_validator(mode="after")
    def _blocks_exist(self) -> "Finetune":
        if self.unfreeze and self.blocks != DEFAULT_BLOCKS:
            message = f"blocks={self.blocks} and unfreeze={self.unfreeze} contradict each other; give one of them"
            raise ValueError(message)
        _ = self.unfrozen
        return self

    @property
    def unfrozen(self) -> tuple[str, ...]:
        """The names of the blocks to train, bottom to top."""
        return select_blocks(get_network(self.network), blocks=self.blocks, unfreeze=self.unfreeze)


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
