import csv
import json
import math
import re

import mlflow
import numpy as np
import pandas as pd
import pytest

from beauty_mlflow.data.progress import silent_progress
from beauty_mlflow.data.splits.manifest import read_split, write_split
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data
from beauty_mlflow.errors import CheckpointError, DataError, DivergedError, ParameterError, TrackingError
from beauty_mlflow.files import state_folder
from beauty_mlflow.jobs.finetune import Finetune, run
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.models import download
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

ARTIFACTS = {
    "split/manifest.csv",
    "split/manifest.json",
    "network.txt",
    "figures/samples.png",
    "figures/augmentation.png",
    "figures/curves.png",
    "evaluation/val/confusion_matrix.tsv",
    "evaluation/val/confusion_matrix.png",
    "evaluation/val/report.csv",
    "evaluation/val/predictions.csv",
}


def artifacts_of(run_id, below=""):
    client = connect().client
    for entry in client.list_artifacts(run_id, below or None):
        yield from artifacts_of(run_id, entry.path) if entry.is_dir else [entry.path]


def read_run(run_id):
    return connect().client.get_run(run_id)


@pytest.mark.slow
def test_a_run_holds_everything(store_uri, tiny, manifest):
    """On each kind of store a run has its epochs, figures, parameters, tags, datasets, artifacts and model."""
    summary = dict(run(Finetune.parse(tiny)))
    found = read_run(summary["run_id"])
    split = read_split(manifest)
    assert list(summary)[-1] == "run_id"
    assert found.info.status == "FINISHED"

    tracked = Run.find(connect(), summary["run_id"])
    for name in names.EPOCH_METRICS:
        assert list(tracked.metric_history(name)) == [1, 2]
    losses = tracked.metric_history("val_loss")
    kept = found.data.metrics
    assert kept["best_val_loss"] == min(losses.values()) == losses[int(kept["best_epoch"])]
    assert kept["best_val_accuracy"] == tracked.metric_history("val_accuracy")[int(kept["best_epoch"])]
    assert kept["best_val_accuracy_low"] <= kept["best_val_accuracy"] <= kept["best_val_accuracy_high"]
    assert {"best_val_balanced_accuracy", "best_val_macro_f1", "best_val_top5_accuracy"} <= set(kept)
    assert any(name.startswith("system/") for name in kept)

    parameters = found.data.params
    assert set(Finetune.model_fields) <= set(parameters)
    assert parameters["resolved.learning_rate"] == "0.0002"
    assert parameters["resolved.optimizer"] == "rmsprop"
    assert int(parameters["parameters_total"]) > int(parameters["parameters_trainable"]) > 0
    tags = found.data.tags
    assert tags["dataset.fingerprint"] == split.fingerprint
    assert tags["weights.source"] == "random"
    assert tags["recipe"] == "thesis"
    assert "mlflow run . -e finetune" in tags["mlflow.note.content"]

    inputs = {item.dataset.name: item.dataset.digest for item in found.inputs.dataset_inputs}
    assert inputs == {f"{split.folder.name}/{part}": split.digest(part) for part in ("train", "val", "test")}
    assert set(artifacts_of(summary["run_id"])) >= ARTIFACTS


@pytest.mark.slow
def test_the_matrix_counts_every_picture_once(local_store, finetuned, manifest, tmp_path):
    """Rows are true classes, columns predicted ones, and the counts sum to the part's pictures."""
    split = read_split(manifest)
    folder = download(Run.find(connect(), finetuned), "evaluation/val", tmp_path / "evaluation")
    matrix = pd.read_csv(folder / "confusion_matrix.tsv", sep="\t", index_col=0)
    assert tuple(matrix.columns) == tuple(matrix.index) == split.classes
    assert {name: int(row.sum()) for name, row in matrix.iterrows()} == split.counts["val"]
    with (folder / "predictions.csv").open() as stream:
        assert sorted(row["path"] for row in csv.DictReader(stream)) == sorted(split.part("val").paths)


@pytest.mark.slow
def test_the_model_answers_and_is_the_network(local_store, finetuned, manifest):
    """The logged model loads as pyfunc and as Keras network, and both give the same probabilities."""
    validation = read_split(manifest).part("val")
    picture = (validation.folder / validation.paths[0]).read_bytes()
    mlflow.set_tracking_uri(local_store)
    answer = mlflow.pyfunc.load_model(f"runs:/{finetuned}/model").predict(pd.DataFrame({"image": [picture]}))
    network = mlflow.keras.load_model(f"runs:/{finetuned}/model")
    from beauty_mlflow.data.images import load

    pixels = load(picture, 32, "squash").astype(np.float32)[None]
    probabilities = np.asarray(network(pixels, training=False))[0]
    assert answer["label"][0] == validation.classes[int(probabilities.argmax())]
    assert answer["probability"][0] == pytest.approx(float(probabilities.max()), abs=1e-6)


@pytest.mark.slow
def test_val_figures_are_logged_on_model_and_dataset(local_store, finetuned):
    """The kept model's figures stand on the logged model, with the dataset they were measured on."""
    store = connect()
    model = store.client.get_logged_model(Run.find(store, finetuned).model_id())
    figures = {metric.key: metric for metric in model.metrics}
    assert figures["best_val_accuracy"].dataset_name.endswith("/val")
    assert read_run(finetuned).data.metrics["best_val_accuracy"] == figures["best_val_accuracy"].value


@pytest.mark.slow
def test_it_learns(local_store, tiny):
    """Training lowers the loss: the pictures and their labels belong together all the way."""
    result = run(
        Finetune.parse(
            {
                **tiny,
                "epochs": "8",
                "blocks": "2",
                "augment": "none",
                "learning_rate": "0.003",
                "patience": "8",
            }
        )
    )
    losses = Run.find(connect(), dict(result)["run_id"]).metric_history("loss")
    assert losses[8] < 0.8 * losses[1]


@pytest.mark.slow
def test_going_on_from_ones_own_model(local_store, tiny, finetuned, capsys):
    """A run id as weights starts from that model, head included where the classes are the same, and the tag says it."""
    result = dict(run(Finetune.parse({**tiny, "weights": finetuned, "epochs": "1"})))
    assert read_run(result["run_id"]).data.tags["weights.source"] == f"run:{finetuned}"
    assert "head" in capsys.readouterr().err


@pytest.mark.slow
def test_pictures_that_the_first_weights_have_seen(local_store, tiny, finetuned, manifest, tmp_path, capsys):
    """Weights of a run that was trained on what is now val or test: the counts are said."""
    folder = read_split(manifest).folder
    other = split_data(folder, SplitOptions(train=0.5, val=0.25, test=0.25, seed=7), silent_progress).split
    write_split(other, tmp_path / "other.csv")
    run(Finetune.parse({**tiny, "data": str(tmp_path / "other.csv"), "weights": finetuned, "epochs": "1"}))
    assert re.search(r"\d+ val and \d+ test pictures were in the training part of the run", capsys.readouterr().err)


@pytest.mark.slow
def test_class_weights_and_other_optimizer(local_store, tiny):
    """Balanced classes, label smoothing, another optimizer and rate are taken and logged as resolved."""
    given = {
        "class_weight": "balanced",
        "label_smoothing": "0.1",
        "optimizer": "adam",
        "learning_rate": "0.01",
        "epochs": "1",
    }
    result = dict(run(Finetune.parse({**tiny, **given})))
    parameters = read_run(result["run_id"]).data.params
    assert parameters["resolved.optimizer"] == "adam"
    assert parameters["resolved.learning_rate"] == "0.01"


@pytest.mark.slow
def test_divergence_ends_the_run_failed(local_store, tiny):
    """A loss of nan or inf ends the run FAILED with the reason as a tag, and stores no such number."""
    with pytest.raises(DivergedError, match="learning rate"):
        run(Finetune.parse({**tiny, "learning_rate": "1e30"}))
    (found,) = connect().client.search_runs([connect().experiment_id])
    assert found.info.status == "FAILED"
    assert "learning rate" in found.data.tags["error"]
    assert all(math.isfinite(value) for value in found.data.metrics.values())


def test_bad_data_makes_no_run(local_store, tmp_path):
    """A folder without pictures is refused before a run is made."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty"):
        run(Finetune(data=str(tmp_path / "empty")))
    assert connect().client.search_runs([connect().experiment_id]) == []


def test_resuming_what_does_not_exist(local_store):
    """An unknown run id is an error that names it."""
    with pytest.raises(TrackingError, match="0123456789abcdef0123456789abcdef"):
        run(Finetune(resume="0123456789abcdef0123456789abcdef"))


@pytest.mark.slow
def test_resuming_a_finished_run(local_store, tiny, finetuned):
    """A finished run has nothing to resume, and its state is gone."""
    with pytest.raises(CheckpointError, match="finished"):
        run(Finetune(resume=finetuned))
    assert not (state_folder() / "runs" / finetuned).exists()


@pytest.mark.slow
def test_resume_goes_on_in_the_same_run(local_store, tiny):
    """After an interruption the run goes on under its own parameters, without a gap or a second point."""
    whole = Run.find(connect(), dict(run(Finetune.parse({**tiny, "epochs": "4"})))["run_id"])
    with pytest.MonkeyPatch.context() as patch:
        interrupt_after(patch, epoch=2)
        with pytest.raises(KeyboardInterrupt, match="in epoch 2"):
            run(Finetune.parse({**tiny, "epochs": "4"}))
    (killed,) = connect().client.search_runs([connect().experiment_id], "attributes.status = 'KILLED'")
    state = state_folder() / "runs" / killed.info.run_id
    assert json.loads((state / "session.json").read_text())["parameters"]["epochs"] == "4"

    with pytest.raises(ParameterError, match=r"epochs=9 \(the run has 4\)"):
        run(Finetune(resume=killed.info.run_id, epochs=9))
    summary = dict(run(Finetune(resume=killed.info.run_id)))
    resumed = Run.find(connect(), killed.info.run_id)
    assert summary["run_id"] == killed.info.run_id
    assert resumed.status == "FINISHED"
    points = connect().client.get_metric_history(resumed.run_id, "val_loss")
    assert [point.step for point in points] == [1, 2, 3, 4]
    assert resumed.metric_history("val_loss") == pytest.approx(whole.metric_history("val_loss"), rel=1e-4)


def interrupt_after(monkeypatch, epoch):
    """Let the report of one epoch end as Ctrl-C would."""
    report = Run.log_epoch

    def interrupted(self, number, metrics):
        report(self, number, metrics)
        if number == epoch:
            raise KeyboardInterrupt(f"in epoch {number}")

    monkeypatch.setattr(Run, "log_epoch", interrupted)


def test_the_run_is_named_as_it_begins(local_store, tiny, capsys):
    """An interrupted user knows what to resume: the run's id and the command stand on stderr from the start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "log_inputs", interrupt)
        with pytest.raises(KeyboardInterrupt, match="early"):
            run(Finetune.parse(tiny))
    (killed,) = connect().client.search_runs([connect().experiment_id])
    assert f"mlflow run . -e finetune -P resume={killed.info.run_id}" in capsys.readouterr().err


def test_resuming_from_another_folder(local_store, tiny, tmp_path, monkeypatch):
    """A run that was begun with a relative path goes on from any folder."""
    monkeypatch.chdir(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "log_inputs", interrupt)
        with pytest.raises(KeyboardInterrupt, match="early"):
            run(Finetune.parse({**tiny, "data": "split.csv"}))
    (killed,) = connect().client.search_runs([connect().experiment_id])
    monkeypatch.chdir("/")
    assert dict(run(Finetune(resume=killed.info.run_id)))["run_id"] == killed.info.run_id


def test_one_process_at_a_time(local_store, tiny):
    """A run whose process is still at work can't be resumed beside it."""
    refused = []

    def try_to_resume(self, *_):
        with pytest.raises(CheckpointError, match="still at work") as caught:
            run(Finetune(resume=self.run_id))
        refused.append(caught)
        raise KeyboardInterrupt("early")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "log_inputs", try_to_resume)
        with pytest.raises(KeyboardInterrupt, match="early"):
            run(Finetune.parse(tiny))
    assert len(refused) == 1


def interrupt(*_):
    raise KeyboardInterrupt("early")
