from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from beauty_mlflow.jobs.model_names import CHAMPION, ModelName
from beauty_mlflow.jobs.parameters import ExistingPath, Job, Parameters, Summary

DEFAULT_OUT = {"keras": "model.keras", "saved_model": "saved_model", "onnx": "model.onnx"}


class Export(Parameters):
    """Write a logged model for other programs: a Keras file, a SavedModel or ONNX, checked against the original."""

    job = "export"

    model: ModelName = Field(CHAMPION, min_length=1, description="A run id, or a models:/ or runs:/ URI.")
    format: Literal["keras", "saved_model", "onnx"] = Field("keras", description="What to write.")
    out: str = Field(
        "",
        description="The file or folder to write, with <out>.json beside it, neither of which may be there yet; empty "
        f"is {', '.join(DEFAULT_OUT.values())}.",
    )
    data: ExistingPath = Field(
        "",
        description="A manifest, or anything that can be split, whose test part the check is made on; empty is the "
        "model's own split.",
    )
    tolerance: float = Field(
        0.001, gt=0, lt=1, description="The largest difference of a probability from the original's."
    )

    @property
    def path(self) -> Path:
        """The file or folder to write."""
        return Path(self.out or DEFAULT_OUT[self.format])

    @model_validator(mode="after")
    def _has_its_suffix(self) -> "Export":
        expected = Path(DEFAULT_OUT[self.format]).suffix
        if expected and self.path.suffix != expected:
            message = f"out: '{self.out}' is no name for format={self.format}; expected one that ends in {expected}"
            raise ValueError(message)
        return self


def run(parameters: Export) -> Summary:
    """Write the model, load it back and compare it with the original."""
    from beauty_mlflow.jobs.exporting import export_model

    return export_model(parameters)


JOB = Job(Export, run)
