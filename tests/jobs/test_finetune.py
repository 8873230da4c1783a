import csv
import json
import math
import re

import mlflow
import numpy as np
import pandas as pd
import pytest

from beauty_mlflow.data.splits.manifest import read_split, write_split
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data
from beauty_mlflow.errors import CheckpointError, DataError, DivergedError, ParameterError, TrackingError
from beauty_mlflow.files import state_folder
from beauty_mlflow.jobs.finetune import Finetune, run
from beauty_mlflow.progress import silent_progress
from beauty_mlflow.serving.calibration import calibrate
from beauty_mlflow.serving.package import read_description
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.models import download, fetch_model
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

ARTIFACTS = {
    "split/manifest.csv",
    "split/manifest.json",
    "network.txt",
    "figures/samples.png",
    "figures/augmentation.png",
    "figures/curves.png",
    "figures/reliability.png",
    "evaluation/val/confusion_matrix.tsv",
    "evaluation/val/confusion_matrix.png",
    "evaluation/val/report.csv",
    "evaluation/val/predictions.csv",
    "evaluation/val/coverage.csv",
    "evaluation/val/coverage.png",
    "evaluation/val/most_confused.csv",
    "evaluation/val/suspects.csv",
    "evaluation/val/corrections.csv",
    "evaluation/val/gallery.png",
    "evaluation/val/reliability.png",
}

# a training of a few seconds that is better than chance afterwards
EASY = {"epochs": "8", "blocks": "2", "augment": "none", "learning_rate": "0.003", "patience": "8"}


def artifacts_of(run_id, below=""):
    client = connect().client
    for entry in client.list_artifacts(run_id, below or None):
        yield from artifacts_of(run_id, entry.path) if entry.is_dir else [entry.path]


def read_run(run_id):
    return connect().client.get_run(run_id)


@pytest.mark.slow
def test_a_run_holds_everything(store_uri, tiny, manifest):
    """On each kind of store a run has its epochs, figures, parameters, tags, datasets, artifacts and model."""
    summary = dict(run(Finetune.parse({**tiny, "figures": "true"})))
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
    described = tags["mlflow.note.content"]
    assert "mlflow run . -e finetune" in described

    inputs = {item.dataset.name: item.dataset.digest for item in found.inputs.dataset_inputs}
    assert inputs == {f"{split.folder.name}/{part}": split.digest(part) for part in ("train", "val", "test")}
    artifacts = set(artifacts_of(summary["run_id"]))
    assert artifacts >= ARTIFACTS
    page = f"#/experiments/{found.info.experiment_id}/runs/{summary['run_id']}/artifacts/"
    assert described.count("#/experiments") == 1
    assert described.partition(f"[explorer of val]({page}")[2].partition(")")[0] in artifacts
    images = sorted(
        re.split("[%+]", path)[:3] for path in artifacts if path.startswith("images/") and path.endswith(".png")
    )
    assert images == [["images/val_confusion", "step", "1"], ["images/val_confusion", "step", "2"]]
    assert tags["mlflow.loggedImages"] == "True"


@pytest.mark.slow
def test_without_figures_a_run_has_tables_and_pages(logged_model):
    """What is left out are the PNG files; each epoch's confusions are pixels that nobody draws."""
    artifacts = {path for path in artifacts_of(logged_model) if not path.startswith("images/")}
    assert {path for path in ARTIFACTS if not path.endswith(".png")} <= artifacts
    assert [path for path in artifacts if path.endswith(".png")] == []


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
    """The logged model loads as pyfunc and as Keras network; the one's probabilities are the other's, calibrated."""
    validation = read_split(manifest).part("val")
    picture = (validation.folder / validation.paths[0]).read_bytes()
    mlflow.set_tracking_uri(local_store)
    answer = mlflow.pyfunc.load_model(f"runs:/{finetuned}/model").predict(pd.DataFrame({"image": [picture]}))
    network = mlflow.keras.load_model(f"runs:/{finetuned}/model")
    from beauty_mlflow.data.images import load

    pixels = load(picture, 32, "squash").astype(np.float32)[None]
    temperature = read_run(finetuned).data.metrics["calibration.temperature"]
    probabilities = calibrate(np.asarray(network(pixels, training=False)), temperature)[0]
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
def test_the_model_is_calibrated_on_val(local_store, finetuned, tmp_path):
    """Its temperature and its errors before and after are on run and model; it has no threshold unless one is asked."""
    store, run_found = connect(), Run.find(connect(), finetuned)
    figures = {name: value for name, value in run_found.metrics().items() if name.startswith("calibration.")}
    assert set(figures) == {"calibration.temperature", "calibration.ece_before", "calibration.ece_after"}
    served = read_description(fetch_model(store, finetuned))
    assert served.temperature == figures["calibration.temperature"] != 1
    assert served.threshold is None
    on_model = {metric.key: metric for metric in store.client.get_logged_model(run_found.model_id()).metrics}
    assert on_model["calibration.ece_after"].dataset_name.endswith("/val")
    folder = download(run_found, "evaluation/val", tmp_path / "evaluation")
    table = pd.read_csv(folder / "predictions.csv")
    everything = pd.read_csv(folder / "coverage.csv").iloc[0]
    assert everything["accuracy"] == pytest.approx(run_found.metrics()["best_val_accuracy"], abs=1e-6)
    assert everything["answered"] == len(table)


@pytest.mark.slow
def test_a_wanted_precision_gives_a_threshold(local_store, tiny, manifest, tmp_path):
    """What val's predictions say at the model's threshold is what was logged, and the model abstains below it."""
    summary = dict(run(Finetune.parse({**tiny, **EASY, "precision_target": "0.5"})))
    found = Run.find(connect(), summary["run_id"])
    figures = found.metrics()
    served = read_description(fetch_model(connect(), found.run_id))
    assert served.threshold == figures["calibration.threshold"]
    folder = download(found, "evaluation/val", tmp_path / "evaluation")
    table = pd.read_csv(folder / "predictions.csv")
    kept = table[table["probability"] >= served.threshold]
    assert figures["calibration.coverage"] == pytest.approx(len(kept) / len(table))
    assert figures["calibration.precision"] == pytest.approx((kept["true"] == kept["predicted"]).mean())
    assert figures["calibration.precision"] >= 0.5
    assert "answered at threshold" in summary["calibration.coverage"]

    mlflow.set_tracking_uri(local_store)
    folder = read_split(manifest).folder
    pictures = pd.DataFrame({"image": [(folder / path).read_bytes() for path in table["path"]]})
    answers = mlflow.pyfunc.load_model(f"runs:/{found.run_id}/model").predict(pictures)
    assert answers["probability"].tolist() == pytest.approx(table["probability"].tolist(), abs=1e-5)
    assert answers["abstained"].tolist() == (table["probability"] < served.threshold).tolist()
    assert 0 < len(kept) < len(table)


@pytest.mark.slow
def test_a_precision_that_cannot_be_reached_is_said_and_the_model_abstains(local_store, tiny, capsys):
    """A network that has learned nothing isn't right in 99.9 % of anything."""
    ignorant = {"learning_rate": "1e-30", "epochs": "1", "blocks": "0", "precision_target": "0.999"}
    summary = dict(run(Finetune.parse({**tiny, **ignorant})))
    assert "WARNING: no threshold reaches precision_target=0.999" in capsys.readouterr().err
    figures = Run.find(connect(), summary["run_id"]).metrics()
    assert (figures["calibration.threshold"], figures["calibration.coverage"]) == (1, 0)
    assert "calibration.precision" not in figures
    assert read_description(fetch_model(connect(), summary["run_id"])).threshold == 1


@pytest.mark.parametrize("value", ["1", "-0.1", "nan", "95%"])
def test_a_precision_that_is_none(value):
    with pytest.raises(ParameterError, match="precision_target"):
        Finetune.parse({"precision_target": value})


@pytest.mark.slow
def test_it_learns(local_store, tiny):
    """Training lowers the loss: the pictures and their labels belong together all the way."""
    result = run(Finetune.parse({**tiny, **EASY}))
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
            run(Finetune.parse({**tiny, "epochs": "4", "precision_target": "0.01"}))
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
    assert "calibration.threshold" in resumed.metrics()
    assert resumed.metric_history("val_loss") == pytest.approx(whole.metric_history("val_loss"), rel=1e-4)


@pytest.mark.slow
def test_one_image_an_epoch(local_store, tiny):
    """Also of an epoch that was cut short between its image and its figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "log_epoch", interrupt)
        with pytest.raises(KeyboardInterrupt, match="early"):
            run(Finetune.parse(tiny))
    (killed,) = connect().client.search_runs([connect().experiment_id])
    assert steps_of_images(killed.info.run_id) == [1]
    run(Finetune(resume=killed.info.run_id))
    assert steps_of_images(killed.info.run_id) == [1, 2]


def steps_of_images(run_id):
    pictures = [path for path in artifacts_of(run_id, "images") if path.endswith(".png")]
    return sorted(int(re.split("[%+]", path)[2]) for path in pictures)


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


@pytest.mark.slow
@pytest.mark.parametrize(("schedule", "said"), [("cosine", True), ("constant", False)])
def test_a_cosine_that_is_cut_off_is_said(local_store, tiny, capsys, schedule, said):
    """Stopped early, a rate that was to fall never did: the last words say how to let it."""
    idle = {"epochs": "12", "patience": "1", "learning_rate": "1e-12", "batch_norm": "frozen", "schedule": schedule}
    run(Finetune.parse({**tiny, **idle}))
    words = "note: training stopped after epoch 2 of 12 (patience=1), where the rate was still 98% of its highest: "
    assert (words in capsys.readouterr().err) == said
