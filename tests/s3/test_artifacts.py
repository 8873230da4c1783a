"""Artifacts of runs that a store keeps in S3 itself."""

from dataclasses import replace

import pytest

from beauty_mlflow.errors import MissingError, UnreachableError
from beauty_mlflow.tracking.models import download
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect


def test_what_s3_doesnt_have_is_missing(s3, local_store, tmp_path, monkeypatch):
    """What it can't give now isn't."""
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", s3.proxy.uri)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    store = connect()
    experiment = store.client.create_experiment("far", artifact_location=f"s3://{s3.bucket()}/artifacts")
    run = Run.create(replace(store, experiment_id=experiment), "a run")
    s3.put(run.entity().info.artifact_uri, "split/manifest.csv", b"path,class\n")
    assert download(run, "split", tmp_path / "a").joinpath("manifest.csv").read_bytes() == b"path,class\n"
    for nothing in ("split/other.csv", "other"):
        with pytest.raises(MissingError, match=f"Can't fetch {nothing} of the run {run.run_id}"):
            download(run, nothing, tmp_path / "b")
    s3.proxy.fault = lambda _, path, __: "InternalError" if path.endswith("manifest.csv") else None
    with pytest.raises(UnreachableError, match=r"Can't fetch split/manifest\.csv"):
        download(run, "split/manifest.csv", tmp_path / "c")
