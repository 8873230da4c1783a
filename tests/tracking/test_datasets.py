import json

import mlflow.data
import pytest
from mlflow.data.sources import LocalArtifactDatasetSource

from beauty_mlflow.tracking.datasets import Dataset


def test_the_source_is_the_folder_and_mlflow_resolves_it(tmp_path):
    entry = Dataset("boxes/val", "f" * 32, "val", tmp_path, pictures=10, classes=3).as_input()
    assert json.loads(entry.dataset.source) == {"uri": str(tmp_path)}
    source = mlflow.data.dataset_source_registry.get_dataset_source_from_json(
        entry.dataset.source, source_type=entry.dataset.source_type
    )
    assert isinstance(source, LocalArtifactDatasetSource)
    assert source.uri == str(tmp_path)


def test_a_source_in_s3_is_one_of_mlflows():
    entry = Dataset("boxes/val", "f" * 32, "val", "s3://bucket/boxes", pictures=10, classes=3).as_input()
    source = mlflow.data.dataset_source_registry.get_dataset_source_from_json(
        entry.dataset.source, source_type=entry.dataset.source_type
    )
    assert source.uri == "s3://bucket/boxes"


@pytest.mark.parametrize("digest", ["", "f" * 37])
def test_a_digest_that_mlflow_would_cut_is_refused(digest):
    with pytest.raises(ValueError, match="1 to 36 characters"):
        Dataset("boxes/val", digest, "val", "boxes", pictures=1, classes=1)
