import shutil

import pandas as pd
import pytest

from beauty_mlflow.data.sample import make_sample
from beauty_mlflow.data.splits.corrections import read_corrections
from beauty_mlflow.data.splits.manifest import read_split, write_split
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data
from beauty_mlflow.errors import DataError, ManifestError, TrackingError
from beauty_mlflow.jobs.evaluate import Evaluate, run
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.finetune import run as finetune
from beauty_mlflow.jobs.group import Group
from beauty_mlflow.jobs.group import run as group
from beauty_mlflow.progress import silent_progress
from beauty_mlflow.tracking.models import download
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

FIGURES = {
    f"test_{name}"
    for name in (
        "accuracy",
        "accuracy_low",
        "accuracy_high",
        "balanced_accuracy",
        "macro_f1",
        "top5_accuracy",
        "loss",
        "ece",
        "ece_before",
    )
}


@pytest.mark.slow
def test_a_run_of_its_own_that_links_the_training(store_uri, tiny):
    """On each kind of store the figures stand in a new run of the same experiment, on model and dataset."""
    trained = dict(finetune(Finetune.parse(tiny)))["run_id"]
    summary = dict(run(Evaluate(model=trained)))
    store = connect()
    found = store.client.get_run(summary["run_id"])
    assert summary["run_id"] != trained
    assert found.info.status == "FINISHED"
    assert found.info.experiment_id == store.client.get_run(trained).info.experiment_id
    assert found.data.tags["evaluates"] == trained
    assert set(found.data.metrics) >= FIGURES
    model = store.client.get_logged_model(Run.find(store, trained).model_id())
    on_model = {metric.key: metric.dataset_name for metric in model.metrics}
    assert on_model["test_accuracy"].endswith("/test")
    assert [item.dataset.name for item in found.inputs.dataset_inputs] == [on_model["test_accuracy"]]
    of_training = {
        item.dataset.name: item.dataset.digest for item in store.client.get_run(trained).inputs.dataset_inputs
    }
    assert of_training[on_model["test_accuracy"]] == found.inputs.dataset_inputs[0].dataset.digest


@pytest.mark.slow
def test_same_figures_as_the_training_saw(local_store, finetuned):
    """Evaluating the logged model on val gives the accuracy that the training kept it for."""
    kept = Run.find(connect(), finetuned).metrics()
    measured = Run.find(connect(), dict(run(Evaluate(model=finetuned, part="val")))["run_id"]).metrics()
    assert measured["val_accuracy"] == pytest.approx(kept["best_val_accuracy"], rel=1e-6)
    assert measured["val_loss"] == pytest.approx(kept["best_val_loss"], rel=1e-4)
    assert measured["val_ece"] == pytest.approx(kept["calibration.ece_after"], abs=1e-4)
    assert measured["val_ece_before"] == pytest.approx(kept["calibration.ece_before"], abs=1e-4)
    assert not {"val_coverage", "val_precision_answered"} & set(measured)


@pytest.mark.slow
def test_figures_of_the_models_threshold(local_store, tiny, tmp_path):
    """The artifacts have the probabilities that are served; at the threshold they come to the coverage logged."""
    trained = dict(finetune(Finetune.parse({**tiny, "precision_target": "0.25"})))["run_id"]
    threshold = Run.find(connect(), trained).metrics()["calibration.threshold"]
    summary = dict(run(Evaluate(model=trained)))
    measured = Run.find(connect(), summary["run_id"])
    table = pd.read_csv(download(measured, "evaluation/test", tmp_path) / "predictions.csv")
    kept = table[table["probability"] >= threshold]
    figures = measured.metrics()
    assert figures["test_coverage"] == pytest.approx(len(kept) / len(table))
    if len(kept):
        assert figures["test_precision_answered"] == pytest.approx((kept["true"] == kept["predicted"]).mean())
    assert "answered at threshold" in summary["test_coverage"]


@pytest.mark.slow
def test_training_pictures_are_said(local_store, finetuned, capsys, tmp_path):
    """Measuring on the training part of the model's own split is done, and said; no label of it is called wrong."""
    summary = dict(run(Evaluate(model=finetuned, part="train")))
    assert "pictures were trained on" in capsys.readouterr().err
    folder = download(Run.find(connect(), summary["run_id"]), "evaluation/train", tmp_path)
    assert read_corrections(folder / "corrections.csv") == {}


@pytest.mark.slow
def test_other_pictures(local_store, finetuned, manifest, tmp_path):
    """New pictures of the same classes are fine; pictures from the training are counted and refused."""
    new = tmp_path / "new"
    make_sample(new, classes=4, images=6, seed=9, progress=silent_progress)
    write_split(
        split_data(new, SplitOptions(train=0.5, val=0.2, test=0.3), silent_progress).split,
        tmp_path / "new.csv",
    )
    assert "run_id" in dict(run(Evaluate(model=finetuned, data=str(tmp_path / "new.csv"))))

    other = split_data(
        read_split(manifest).folder, SplitOptions(train=0.3, val=0.2, test=0.5, seed=3), silent_progress
    ).split
    write_split(other, tmp_path / "other.csv")
    with pytest.raises(DataError, match=r"\d+ of the \d+ test pictures were in the model's training part"):
        run(Evaluate(model=finetuned, data=str(tmp_path / "other.csv")))


@pytest.mark.slow
def test_other_classes(local_store, finetuned, manifest, tmp_path):
    """A manifest of other classes is an error that says how they differ."""
    first, second = read_split(manifest).classes[:2]
    (tmp_path / "groups.yaml").write_text(f"both:\n  - {first}\n  - {second}\n")
    group(Group(data=str(manifest), groups=str(tmp_path / "groups.yaml"), out=str(tmp_path / "grouped.csv")))
    with pytest.raises(DataError, match=f"2 missing: {first}, {second}; 1 unknown to the model: both"):
        run(Evaluate(model=finetuned, data=str(tmp_path / "grouped.csv")))


@pytest.mark.slow
def test_pictures_that_have_changed(local_store, pictures, tmp_path):
    """The model's own split is verified: a picture that is gone since is an error that names it."""
    copy = shutil.copytree(pictures, tmp_path / "copy")
    split = split_data(copy, SplitOptions(train=0.5, val=0.25, test=0.25), silent_progress).split
    write_split(split, tmp_path / "copy.csv")
    tiny = {
        "network": "tiny",
        "blocks": "0",
        "epochs": "1",
        "weights": "random",
        "figures": "false",
        "data": str(tmp_path / "copy.csv"),
    }
    trained = dict(finetune(Finetune.parse(tiny)))["run_id"]
    gone = split.part("test").paths[0]
    (copy / gone).unlink()
    with pytest.raises(ManifestError, match=f"run {trained}'s split/manifest.csv(.|\n)*{gone}"):
        run(Evaluate(model=trained))

    new = tmp_path / "new"
    make_sample(new, classes=4, images=6, seed=9, progress=silent_progress)
    assert "run_id" in dict(run(Evaluate(model=trained, data=str(new), part="train")))


@pytest.mark.parametrize("model", ["0123456789abcdef0123456789abcdef", "models:/nobody@champion", "runs:/abc/model"])
def test_a_model_that_does_not_exist(local_store, model):
    """An unknown run, registered model or URI is an error that names it."""
    with pytest.raises(TrackingError, match=model.replace("models:/nobody@champion", "nobody")):
        run(Evaluate(model=model))
