"""Trainings and predictions that read from S3."""

import json

import pandas as pd
import pytest

from beauty_mlflow.data.splits.manifest import write_split
from beauty_mlflow.errors import ParameterError
from beauty_mlflow.jobs.check import Check
from beauty_mlflow.jobs.check import run as check
from beauty_mlflow.jobs.evaluate import Evaluate
from beauty_mlflow.jobs.evaluate import run as evaluate
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.finetune import run as finetune
from beauty_mlflow.jobs.predict import Predict
from beauty_mlflow.jobs.predict import run as predict
from beauty_mlflow.jobs.split import Split
from beauty_mlflow.jobs.split import run as split
from beauty_mlflow.tracking.models import download
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

TINY = {
    "network": "tiny",
    "blocks": "1",
    "epochs": "2",
    "batch_size": "8",
    "dense_units": "8",
    "weights": "random",
    "figures": "false",
}


def train(data, **given):
    return dict(finetune(Finetune.parse({**TINY, "data": str(data), **given})))


@pytest.fixture(scope="module")
def near(lasting_store, local_split, tmp_path_factory):
    """A store with trainings on this machine's pictures: its URI, and their summaries by what they keep."""
    path = tmp_path_factory.mktemp("near") / "local.csv"
    write_split(local_split, path)
    with lasting_store("near-store") as uri:
        return uri, {cache: train(path, cache=cache) for cache in ("pictures", "none")}


@pytest.mark.slow
@pytest.mark.parametrize("cache", ["pictures", "none"])
def test_a_training_equals_the_local_one(s3, pictures, manifest, local_store, near, cache):
    """To the last digit; a second one asks the server for nothing. The run names the URI."""
    local = near[1][cache]
    uri = s3.upload(pictures)
    far = train(manifest(uri), cache=cache)
    assert (far["best_val_loss"], far["best_val_accuracy"]) == (local["best_val_loss"], local["best_val_accuracy"])
    s3.proxy.requests.clear()
    again = train(manifest(uri), cache=cache)
    assert again["best_val_loss"] == local["best_val_loss"]
    assert s3.proxy.requests == []
    run = Run.find(connect(), far["run_id"])
    inputs = run.entity().inputs.dataset_inputs
    assert {(found.dataset.source_type, json.loads(found.dataset.source)["uri"]) for found in inputs} == {("s3", uri)}


@pytest.mark.slow
def test_a_training_may_have_no_room_for_its_pictures(s3, pictures, manifest, local_store, near):
    """They are fetched again in each epoch; the result is the same."""
    tight = train(manifest(s3.upload(pictures)), cache="none", cache_gb="0.00001")
    assert tight["best_val_loss"] == near[1]["none"]["best_val_loss"]


@pytest.mark.slow
def test_a_training_without_room_for_its_pictures_goes_on_through_faults(s3, pictures, manifest, local_store, near):
    """Every object fails each time before it comes, in this way or that; the result is the same."""
    uri = s3.upload(pictures)

    def fault(method, path, before):
        if method == "GET" and "list-type" not in path and before % 2 == 0:
            return ("InternalError", "cut", "SlowDown", "reset")[before // 2 % 4]
        return None

    s3.proxy.fault = fault
    disturbed = train(manifest(uri), cache="none", cache_gb="0.00001")
    assert len(s3.proxy.objects) > 2 * 2 * len(list(pictures.rglob("*.jpg")))
    for name in ("best_val_loss", "best_val_accuracy"):
        assert disturbed[name] == near[1]["none"][name]


@pytest.mark.slow
def test_an_outage_after_the_predictions_costs_the_thumbnails_alone(
    s3, pictures, manifest, near, tmp_path, monkeypatch
):
    """Each picture is read to be compared with the manifest and to be predicted; then the server refuses."""
    store, trained = near
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("BEAUTY_CACHE_DIR", str(tmp_path / "file" / "cache"))
    (tmp_path / "file").write_text("no folder, so nothing is kept")
    data = manifest(s3.upload(pictures))
    s3.proxy.fault = lambda *request: "AccessDenied" if request[-1] >= 2 else None
    summary = dict(evaluate(Evaluate.parse({"model": trained["none"]["run_id"], "data": str(data), "part": "test"})))
    folder = download(Run.find(connect(), summary["run_id"]), "evaluation/test", tmp_path)
    text = (folder / "explorer.html").read_text()
    assert "6 of 6 pictures couldn't be fetched, so they have no thumbnail: 's3://" in text
    assert "access is denied" in text
    assert "missing or can't be decoded" not in text


@pytest.mark.slow
def test_predictions_are_those_of_the_folder(s3, pictures, near, tmp_path, monkeypatch):
    """Of a prefix, a table and one object; broken objects get their reason, and nothing is kept of them."""
    uri = s3.upload(pictures)
    store, trained = near
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    model = trained["none"]["run_id"]
    s3.put(uri, "broken.jpg", b"no picture")
    (tmp_path / "near").symlink_to(pictures)
    before = len(s3.files)

    def answers(data, name):
        out = tmp_path / name
        summary = dict(predict(Predict.parse({"model": model, "data": str(data), "out": str(out)})))
        return summary, pd.read_csv(out)

    _, near = answers(pictures, "near.csv")
    summary, far = answers(uri, "far.csv")
    assert summary["errors"] == 1
    whole = far[far["path"] != "broken.jpg"].reset_index(drop=True)
    assert whole["error"].isna().all()
    pd.testing.assert_frame_equal(
        whole.drop(columns="error"), near.drop(columns="error"), check_exact=False, atol=1e-5
    )  # what else is in a batch shifts the last digits
    assert len(s3.files) == before
    one = near["path"][0]
    s3.put(uri, "table.csv", f"path\n{one}\ngone.jpg\n".encode())
    _, listed = answers(f"{uri}/table.csv", "listed.csv")
    assert list(listed["label"].fillna("")) == [near["label"][0], ""]
    assert listed["error"][1] == "there is no such object"
    _, single = answers(f"{uri}/{one}", "single.csv")
    assert single["label"][0] == near["label"][0]


def test_splitting_and_checking_by_their_commands(s3, pictures, local_split, local_store, tmp_path, capsys):
    """The summary's next command works on; the manifest names the URI."""
    uri = s3.upload(pictures)
    out = tmp_path / "split.csv"
    given = {"data": uri, "out": str(out), "train": "0.5", "val": "0.25", "test": "0.25"}
    summary = dict(split(Split.parse(given)))
    assert summary["fingerprint"] == local_split.fingerprint
    assert json.loads(out.with_suffix(".json").read_text())["folder"] == uri
    for number, data in enumerate((uri, out)):
        found = dict(check(Check.parse({"data": str(data), "out": str(tmp_path / f"check{number}")})))
        assert found["table"].is_file()
    s3.put(uri, local_split.table["path"][0], (pictures / local_split.table["path"][1]).read_bytes())
    s3.delete(uri, local_split.table["path"][2])
    check(Check.parse({"data": str(out), "out": str(tmp_path / "again")}))
    findings = (tmp_path / "again" / "findings.csv").read_text()
    assert "changed" in findings
    assert "no such file or directory" in findings


@pytest.mark.parametrize("uri", ["s3://", "s3:///x", "s3://AKIAUSER:topsecret@bucket/x", "s3://b ad/x"])
def test_a_uri_that_names_no_bucket_is_refused(uri):
    """Without repeating what may be a secret."""
    with pytest.raises(ParameterError, match=r"data: 's3://.*expected s3://bucket or s3://bucket/prefix") as caught:
        Finetune.parse({"data": uri})
    assert "topsecret" not in str(caught.value)


def test_the_command_line_ends_with_a_sentence(s3, beauty, monkeypatch, tmp_path):
    """Exit status 2, no traceback, no secret, no file."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    done = beauty("split", "--data", "s3://bucket/boxes", "--out", tmp_path / "split.csv")
    assert done.returncode == 2
    assert "'s3://bucket' can't be read: the server doesn't answer" in done.stderr
    assert "Traceback" not in done.stderr
    assert "the-secret" not in done.stderr + done.stdout
    assert not list(tmp_path.glob("split*"))
