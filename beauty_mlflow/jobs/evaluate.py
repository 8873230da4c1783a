from typing import Annotated, Literal

from pydantic import Field

from beauty_mlflow.jobs.model_names import ModelName
from beauty_mlflow.jobs.parameters import Count, ExistingPath, Job, Parameters, Summary, existing_file


class Evaluate(Parameters):
    """Measure a logged model on one part of a split, in a run of its own that links the model's."""

    job = "evaluate"

    model: ModelName = Field(min_length=1, description="A run id, or a models:/ or runs:/ URI.")
    data: ExistingPath = Field(
        "", description="A manifest, or anything that can be split; empty is the model's own split."
    )
    part: Literal["test", "val", "train"] = Field("test", description="The part to measure on.")
    batch_size: Count = Field(128, description="Pictures a step.")
    groups: Annotated[str, existing_file("a YAML file of group: [classes], or the word thesis", "thesis")] = Field(
        "",
        description="Groups to gather the classes in, in explorer.html: a YAML file of group: [classes], or `thesis`.",
    )
    beside: ModelName = Field(
        "",
        description="A second model to compare with, picture by picture, in explorer.html: a run id, or a models:/ or "
        "runs:/ URI.",
    )


def run(parameters: Evaluate) -> Summary:
    """Evaluate the model and log the figures."""
    from beauty_mlflow.jobs.evaluating import evaluate_logged

    return evaluate_logged(parameters)


JOB = Job(Evaluate, run)
