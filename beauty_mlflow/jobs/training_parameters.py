"""The parameters that finetune and train share."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from beauty_mlflow.jobs.model_names import RUN_ID, names_model
from beauty_mlflow.jobs.parameters import Count, ExistingPath, Parameters, Seed, Switch, known, recalled
from beauty_mlflow.networks.table import NETWORKS, get_network
from beauty_mlflow.training.recipes import OPTIMIZERS, RECIPES


def _auto_or(accepted: Callable[[float], bool], expected: str) -> BeforeValidator:
    """Return a validator that takes ``auto`` or a number that is accepted."""

    def check(value: object) -> object:
        if value == "auto":
            return value
        try:
            number = float(str(value))
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and accepted(number)):
            message = f"expected auto or a number {expected}"
            raise ValueError(message)
        return number

    return BeforeValidator(check)


def _weights(value: str, info: ValidationInfo) -> str:
    words = ("auto", "imagenet", "random")
    if value in words or names_model(value):
        return value
    if not value.endswith((".keras", ".weights.h5")):
        kinds = "a .weights.h5 or .keras file, a run id, a runs:/ or a models:/ URI"
        message = f"'{value}' is no source of weights; expected {', '.join(words)}, {kinds}"
        raise ValueError(message)
    if not recalled(info) and not Path(value).is_file():
        message = f"'{value}' doesn't exist; expected a .weights.h5 or .keras file"
        raise ValueError(message)
    return value


def _run_id(value: str) -> str:
    if value and not RUN_ID.fullmatch(value):
        message = f"'{value}' is no run id; expected the 32 hex digits that a run prints as it begins"
        raise ValueError(message)
    return value


Rate = Annotated[float | Literal["auto"], _auto_or(lambda number: number > 0, "above 0")]
Smoothing = Annotated[float | Literal["auto"], _auto_or(lambda number: 0 <= number < 1, "from 0 to below 1")]
Weights = Annotated[str, AfterValidator(_weights)]
NetworkName = Annotated[str, AfterValidator(known(NETWORKS, "network"))]


class TrainingParameters(Parameters):
    """What every training takes."""

    data: ExistingPath = Field(
        "",
        description="A folder of class folders, a split folder, a table or a manifest, here or in S3 "
        "(s3://bucket/prefix); empty is the embedded sample.",
    )
    fraction: float = Field(
        1.0,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="The share of the training pictures to train on, for learning curves: at least one a class, drawn "
        "by the seed; a smaller share is part of a larger one.",
    )
    network: NetworkName = Field("inception_v3", description=f"One of {', '.join(NETWORKS)}.")
    recipe: Annotated[str, AfterValidator(known(RECIPES, "recipe"))] = Field(
        "thesis", description=f"How to train: {', '.join(RECIPES)}. It decides whatever is `auto`."
    )
    epochs: Count = Field(100, description="Epochs at most.")
    learning_rate: Rate = Field(
        "auto", description="A number above 0, or the recipe's own (thesis: 0.0002; fast: 0.0003, for the head 0.001)."
    )
    schedule: Literal["auto", "constant", "cosine"] = Field(
        "auto",
        description="How the learning rate goes: constant (thesis recipe), or cosine (fast recipe), which rises over "
        "the first epoch, or a tenth of `epochs` where these are below 10, then falls to 0 at the last of them.",
    )
    optimizer: Annotated[str, AfterValidator(known(("auto", *OPTIMIZERS), "optimizer"))] = Field(
        "auto", description=f"One of {', '.join(OPTIMIZERS)}, or the recipe's own (thesis: rmsprop; fast: adamw)."
    )
    batch_size: Count = Field(64, description="Pictures a step.")
    patience: Count = Field(3, description="Stop when val_loss has not improved for this many epochs.")
    image_size: int = Field(0, ge=0, description="Side of the square picture in pixels; 0 is the network's own.")
    resize: Literal["squash", "pad", "crop"] = Field(
        "squash",
        description="How a picture becomes square: aspect ignored, white borders, or the centre cut out.",
    )
    augment: Literal["auto", "thesis", "light", "none"] = Field(
        "auto", description="Augmentation of the training pictures (thesis recipe: thesis; fast: light)."
    )
    class_weight: Literal["none", "balanced"] = Field(
        "none", description="balanced: each class weighs the same in the loss, however many pictures it has."
    )
    label_smoothing: Smoothing = Field(
        "auto", description="Label smoothing in the loss, from 0 to below 1 (thesis recipe: 0; fast: 0.1)."
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="What the layers compute in (thesis recipe: float32; fast recipe: bfloat16 or "
        "float16 where the machine computes it natively).",
    )
    cache: Literal["auto", "activations", "pictures", "none"] = Field(
        "auto",
        description="What is kept on disk from epoch to epoch and run to run: the frozen part's activations where that "
        "pays (fast recipe), decoded pictures where they fit (thesis recipe), or nothing.",
    )
    cache_gb: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="What the cache may take, in GB; 0 is a fifth of the free space."
    )
    precision_target: float = Field(
        0.0,
        ge=0,
        lt=1,
        allow_inf_nan=False,
        description="The share of given answers that is to be right, such as 0.95: the model abstains from an answer "
        "whose probability is below a threshold, found on the validation part; 0 is off, it never abstains.",
    )
    figures: Switch = Field(
        True,
        description="Whether the run gets figures; false saves seconds a run, as in a search whose trainings are "
        "short. Tables and explorer.html come either way, and `beauty evaluate` draws later.",
    )
    seed: Seed = Field(0, description="Seed of initial weights, order, augmentation and dropout.")
    resume: Annotated[str, AfterValidator(_run_id)] = Field(
        "", description="The id of an interrupted run to go on with, with that run's own parameters."
    )
    offline: Switch = Field(
        False, description="Ask nothing of the tracking store: the run is kept on this machine until `beauty sync`."
    )

    @field_validator("resume", mode="before")
    @classmethod
    def _strip(cls, value: Any) -> Any:  # noqa: ANN401 - pydantic hands in whatever came
        return value.strip() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _large_enough(self) -> "TrainingParameters":
        network = get_network(self.network)
        if self.image_size and self.image_size < network.minimum_size:
            message = (
                f"image_size {self.image_size} is too small for {self.network}; expected {network.minimum_size} or more"
            )
            raise ValueError(message)
        return self

    @property
    def size(self) -> int:
        """The side of the pictures that the network sees, in pixels."""
        return self.image_size or get_network(self.network).image_size
