from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from beauty_mlflow.jobs.model_names import CHAMPION, ModelName
from beauty_mlflow.jobs.parameters import Count, Job, Parameters, Summary, existing

SUFFIXES = (".parquet", ".csv")


def _table_name(value: str) -> str:
    if Path(value).suffix.lower() not in SUFFIXES:
        message = f"'{value}' is no name for predictions; expected a file name that ends in {' or '.join(SUFFIXES)}"
        raise ValueError(message)
    return value


class Predict(Parameters):
    """Say what pictures show, any number of them, in one table; interrupted, the same command goes on."""

    job = "predict"

    model: ModelName = Field(CHAMPION, min_length=1, description="A run id, or a models:/ or runs:/ URI.")
    data: Annotated[
        str, existing("a folder of pictures, a picture, a table (CSV) that lists paths, or a manifest", far=True)
    ] = Field(
        min_length=1,
        description="A folder (pictures at any depth), one picture, a table (CSV) whose column path lists "
        "pictures, or a split's manifest; here or in S3 (s3://bucket/prefix).",
    )
    part: Literal["all", "train", "val", "test"] = Field("all", description="Of a manifest, which pictures.")
    out: Annotated[str, AfterValidator(_table_name)] = Field(
        "predictions.parquet", description="The table to write, .parquet or .csv; it must not be there yet."
    )
    top: Count = Field(5, description="How many of the most probable classes to list; all where there are fewer.")
    batch_size: Count = Field(128, description="Pictures a step.")


def run(parameters: Predict) -> Summary:
    """Predict the pictures and write the table."""
    from beauty_mlflow.jobs.predicting import predict_pictures

    return predict_pictures(parameters)


JOB = Job(Predict, run)
