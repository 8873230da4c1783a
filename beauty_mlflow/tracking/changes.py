"""What is done to a run, as values: the same whether it is done at once or kept until the store answers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from beauty_mlflow.tracking.datasets import Dataset
from beauty_mlflow.tracking.names import RunStatus

OWN_MODEL = "the run's own"  # instead of a logged model's id, which the store gives only as it takes the model


class _Change(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Point(_Change):
    """A metric's value; ``timestamp`` in ms since 1970, ``model`` and ``dataset`` what it was measured on."""

    name: str
    value: float
    timestamp: int
    step: int
    model: str = ""
    dataset: Dataset | None = None


class Batch(_Change):
    """Metrics, parameters and tags."""

    kind: Literal["batch"] = "batch"
    metrics: tuple[Point, ...] = ()
    parameters: Mapping[str, str] = Field(default_factory=dict)
    tags: Mapping[str, str] = Field(default_factory=dict)


class Untag(_Change):
    """A tag is removed, if it is there."""

    kind: Literal["untag"] = "untag"
    name: str


class Inputs(_Change):
    """The run reads datasets, or a logged model."""

    kind: Literal["inputs"] = "inputs"
    datasets: tuple[Dataset, ...] = ()
    model: str = ""


class LoggedFile(_Change):
    """A file becomes an artifact of the same name in a folder of the run's."""

    kind: Literal["file"] = "file"
    path: Path
    folder: str = ""


class LoggedImage(_Change):
    """A PNG becomes an image that MLflow shows by its step."""

    kind: Literal["image"] = "image"
    path: Path
    name: str
    step: int
    timestamp: int


class LoggedModel(_Change):
    """A package, as serving.package wrote it, becomes the run's model; ``example`` is a picture's file."""

    kind: Literal["model"] = "model"
    path: Path
    example: Path


class Status(_Change):
    """The run's status; ``end`` in ms since 1970 where it is a final one."""

    kind: Literal["status"] = "status"
    status: RunStatus
    end: int | None = None


Change = Batch | Untag | Inputs | LoggedFile | LoggedImage | LoggedModel | Status
CHANGE: TypeAdapter[Change] = TypeAdapter(Annotated[Change, Field(discriminator="kind")])
