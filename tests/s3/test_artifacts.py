"""Artifacts of runs that a store keeps in S3 itself."""

from dataclasses import replace

import pytest

from beauty_mlflow.errors import MissingError, TrackingError, UnreachableError
from beauty_mlflow.tracking.models import download
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect


@pytest.fixture
def run(s3, local_store, monkeypatch):
    """A run whose artifacts lie in S3."""
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", s3.proxy.uri)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    store = connect()
    experiment = store.client.create_experiment("far", artifact_location=f"s3://{s3.bucket()}/artifacts")
    return Run.create(replace(store, experiment_id=experiment), "a run")


def test_what_s3_doesnt_have_is_missing(s3, run, tmp_path):
    """What it can't give now isn't."""
    s3.put(run.entity().info.artifact_uri, "split/manifest.csv", b"path,class\n")
    assert download(run, "split", tmp_path / "a").joinpath("manifest.csv").read_bytes() == b"path,class\n"
    for nothing in ("split/other.csv", "other"):
        with pytest.raises(MissingError, match=f"Can't fetch {nothing} of the run {run.run_id}"):
            download(run, nothing, tmp_path / "b")
    s3.proxy.fault = lambda _, path, __: "InternalError" if path.endswith("manifest.csv") else None
    with pytest.raises(UnreachableError, match=r"Can't fetch split/manifest\.csv"):
        download(run, "split/manifest.csv", tmp_path / "c")


def test_what_s3_refuses_is_said_in_words(s3, run, tmp_path):
    """Whatever was to be done there: a file, the list of files, a folder, a file to write."""
    s3.put(run.entity().info.artifact_uri, "split/manifest.csv", b"path,class\n")
    (tmp_path / "new.csv").write_text("path,class\n")
    s3.proxy.fault = lambda *_: "AccessDenied"
    for wanted in ("split/manifest.csv", "split"):
        with pytest.raises(TrackingError, match=f"Can't fetch {wanted} of the run .*: Failed to list") as refused:
            download(run, wanted, tmp_path / "a")
        assert not isinstance(refused.value, MissingError | UnreachableError)
    with pytest.raises(TrackingError, match=r"Can't log .*: access is denied.*s3:PutObject") as refused:
        run.log_file(tmp_path / "new.csv", "split")
    assert not isinstance(refused.value, UnreachableError)
    s3.proxy.fault = lambda *_: "SlowDown"
    with pytest.raises(UnreachableError, match=r"Can't log .*: the server answered SlowDown"):
        run.log_file(tmp_path / "new.csv", "split")
    s3.proxy.fault = lambda *_: None
    run.log_file(tmp_path / "new.csv", "split")
    assert download(run, "split/new.csv", tmp_path / "b").read_text() == "path,class\n"
