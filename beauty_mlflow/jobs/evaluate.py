import re
from typing import Literal

from pydantic import Field, field_validator

from beauty_mlflow.jobs.parameters import Count, ExistingPath, Job, Parameters, Summary
from beauty_mlflow.jobs.training_parameters import RUN_ID

MODEL_URI = re.compile(r"(models|runs):/.+")


class Evaluate(Parameters):
    """Measure a logged model on one part of a split, in a run of its own that links the model's."""

    job = "evaluate"

    model: str = Field(min_length=1, description="A run id, or a models:/ or runs:/ URI.")
    data: ExistingPath = Field(
        "", description="A manifest, or anything that can be split; empty is the model's own split."
    )
    part: Literal["test", "val", "train"] = Field("test", description="The part to measure on.")
    batch_size: Count = Field(128, description="Pictures a step.")

    @field_validator("model")
    @classmethod
    def _names_a_model(cls, value: str) -> str:
        if not (RUN_ID.fullmatch(value) or MODEL_URI.fullmatch(value)):
            message = f"'{value}' names no model; expected a run id (32 hex digits), or a models:/ or runs:/ URI"
            raise ValueError(message)
        return value


def run(parameters: Evaluate) -> Summary:
    """Evaluate the model and log the figures."""
    from beauty_mlflow.jobs.evaluating import evaluate_logged

    return evaluate_logged(parameters)


JOB = Job(Evaluate, run)
