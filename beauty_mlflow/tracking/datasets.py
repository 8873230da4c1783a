"""The pictures of one part, as MLflow lists a run's inputs; no pixel is read."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import DatasetInput, InputTag

from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.redaction import redact

DIGEST_LENGTH = 36


@dataclass(frozen=True)
class Dataset:
    """One part of a split.

    Args:
        name: ``<data>/<part>``.
        digest: Identity of the part's rows, at most 36 characters (MLflow's limit; it merges inputs that have name
            and digest in common).
        context: What the run did with it: train, val or test.
        source: The data's folder, a path or a URI.
        pictures: How many pictures it holds.
        classes: How many classes they show.

    Raises:
        ValueError: The digest is empty or too long.
    """

    name: str
    digest: str
    context: str
    source: str | Path
    pictures: int
    classes: int

    def __post_init__(self) -> None:
        if not 0 < len(self.digest) <= DIGEST_LENGTH:
            message = f"a dataset's digest has 1 to {DIGEST_LENGTH} characters, got {self.digest!r}"
            raise ValueError(message)

    def as_input(self) -> Any:  # noqa: ANN401 - MLflow is untyped
        """Return it as MLflow's DatasetInput."""
        source = str(self.source)
        dataset = MlflowDataset(
            name=self.name,
            digest=self.digest,
            source_type="s3" if source.startswith("s3://") else "local",
            source=json.dumps({"uri": redact(source)}),
            profile=json.dumps({"num_rows": self.pictures, "classes": self.classes}),
        )
        return DatasetInput(dataset, [InputTag(names.DATASET_CONTEXT, self.context)])
