"""Evaluate with groups, and with a second model beside the first."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from beauty_mlflow.data.splits.manifest import read_split, write_split
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data
from beauty_mlflow.errors import DataError, ParameterError, TrackingError
from beauty_mlflow.jobs.beside import in_order
from beauty_mlflow.jobs.evaluate import Evaluate, run
from beauty_mlflow.jobs.evaluated_before import as_predictions
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.finetune import run as finetune
from beauty_mlflow.jobs.group import Group
from beauty_mlflow.jobs.group import run as group
from beauty_mlflow.progress import silent_progress
from beauty_mlflow.tracking.models import download
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

TINY = {
    "network": "tiny",
    "blocks": "1",
    "epochs": "1",
    "batch_size": "16",
    "dense_units": "8",
    "weights": "random",
    "figures": "false",
}


@pytest.fixture(scope="module")
def shared_pair(lasting_store, shared_manifest):
    """A store with two trainings on the same split in it: its URI and the runs' ids."""
    with lasting_store("pair") as uri:
        ids = [
            dict(finetune(Finetune.parse({**TINY, "data": str(shared_manifest), "seed": seed})))["run_id"]
            for seed in ("1", "2")
        ]
    return uri, ids


@pytest.fixture
def pair(shared_pair, monkeypatch):
    uri, ids = shared_pair
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return ids


def fetch(run_id, name, folder, part="test"):
    return download(Run.find(connect(), run_id), f"evaluation/{part}/{name}", folder)


def document_of(run_id, folder, part="test"):
    text = fetch(run_id, "explorer.html", folder, part).read_text("utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def beside_by_path(document):
    labels = np.frombuffer(base64.b64decode(document["beside"]["labels"]), "<u2")
    return dict(zip(document["paths"], [document["classes"][label] for label in labels], strict=True))


def number_of_runs():
    store = connect()
    return len(store.client.search_runs([store.experiment_id]))


@pytest.mark.slow
def test_the_second_model_is_asked_or_its_evaluation_read_with_the_same_answers(pair, tmp_path, capsys):
    first, second = pair
    asked = document_of(dict(run(Evaluate(model=first, beside=second)))["run_id"], tmp_path / "asked")
    assert "was evaluated on these pictures" not in capsys.readouterr().err
    alone = dict(run(Evaluate(model=second)))["run_id"]
    found = run(Evaluate(model=first, beside=f"runs:/{second}/model"))
    assert f"the model beside was evaluated on these pictures by run {alone}" in capsys.readouterr().err
    read = document_of(dict(found)["run_id"], tmp_path / "read")
    own = pd.read_csv(fetch(alone, "predictions.csv", tmp_path / "own"))
    expected = dict(zip(own["path"], own["predicted"], strict=True))
    assert beside_by_path(asked) == beside_by_path(read) == expected
    assert read["beside"]["accuracy"] == pytest.approx((own["true"] == own["predicted"]).mean())
    described = Run.find(connect(), dict(found)["run_id"]).tags["mlflow.note.content"]
    page = f"#/experiments/{connect().experiment_id}/runs"
    assert f"Evaluates the model of [run {first}]({page}/{first}) on" in described
    assert f"Beside it stands the model of [run {second}]({page}/{second})." in described


@pytest.mark.slow
def test_a_model_beside_of_other_classes_or_that_has_seen_the_pictures_is_refused_before_a_run_is_made(
    pair, shared_manifest, tmp_path
):
    first, _ = pair
    names = read_split(shared_manifest).classes
    (tmp_path / "groups.yaml").write_text(f"both: [{names[0]}, {names[1]}]\n")
    group(Group(data=str(shared_manifest), groups=str(tmp_path / "groups.yaml"), out=str(tmp_path / "grouped.csv")))
    grouped = dict(finetune(Finetune.parse({**TINY, "data": str(tmp_path / "grouped.csv")})))["run_id"]
    other = split_data(
        read_split(shared_manifest).folder, SplitOptions(train=0.5, val=0.2, test=0.3, seed=5), silent_progress
    ).split
    write_split(other, tmp_path / "other.csv")
    seen = dict(finetune(Finetune.parse({**TINY, "data": str(tmp_path / "other.csv")})))["run_id"]
    before = number_of_runs()
    with pytest.raises(DataError, match=rf"The model beside, {grouped}, has other classes .*, 3 in all: .*both"):
        run(Evaluate(model=first, beside=grouped))
    with pytest.raises(DataError, match=rf"test pictures were in the model beside's \({seen}\) training part"):
        run(Evaluate(model=first, beside=seen))
    with pytest.raises(TrackingError, match="0123456789abcdef0123456789abcdef"):
        run(Evaluate(model=first, beside="0123456789abcdef0123456789abcdef"))
    assert number_of_runs() == before

    made_of = {"both": sorted(names[:2])}
    (tmp_path / "larger.yaml").write_text(f"larger: [both, {names[2]}]\n")
    larger = dict(run(Evaluate(model=grouped, groups=str(tmp_path / "larger.yaml"))))["run_id"]
    assert document_of(larger, tmp_path / "grouped")["made_of"] == made_of
    assert document_of(grouped, tmp_path / "trained", "val")["made_of"] == made_of


@pytest.mark.slow
def test_what_the_model_beside_was_trained_on_of_its_own_split_is_said(pair, shared_manifest, capsys):
    first, second = pair
    run(Evaluate(model=first, beside=second, part="train"))
    number = read_split(shared_manifest).sizes["train"]
    assert f"note: of the model beside: all {number} pictures were trained on" in capsys.readouterr().err


@pytest.mark.slow
def test_groups_are_a_level_of_the_explorer(pair, shared_manifest, tmp_path):
    names = read_split(shared_manifest).classes
    (tmp_path / "groups.yaml").write_text(f"some: [{names[0]}, {names[2]}]\n")
    found = run(Evaluate(model=pair[0], groups=str(tmp_path / "groups.yaml")))
    levels = {level["name"]: level for level in document_of(dict(found)["run_id"], tmp_path)["levels"]}
    of = levels["groups"]["of"]
    assert levels["groups"]["nodes"][of[0]] == "some"
    assert of[0] == of[2]
    assert len(set(of)) == len(names) - 1

    before = number_of_runs()
    (tmp_path / "wrong.yaml").write_text("some: [Nothing_AtAll]\n")
    with pytest.raises(DataError, match="classes that the split doesn't have: Nothing_AtAll"):
        run(Evaluate(model=pair[0], groups=str(tmp_path / "wrong.yaml")))
    assert number_of_runs() == before


def test_parameters_that_cannot_be():
    model = "0" * 32
    with pytest.raises(ParameterError, match=r"groups: 'none.yaml' doesn't exist; expected a YAML file"):
        Evaluate.parse({"model": model, "groups": "none.yaml"})
    with pytest.raises(ParameterError, match="beside: 'nobody' names no model"):
        Evaluate.parse({"model": model, "beside": "nobody"})
    assert Evaluate.parse({"model": model, "groups": "thesis"}).groups == "thesis"
    assert Evaluate.parse({"model": model, "groups": "gone.yaml"}, recalled=True).groups == "gone.yaml"


@pytest.fixture
def logged():
    """Pictures of three classes, and a logged table about them in another order."""
    from beauty_mlflow.data.pictures import Pictures

    labels = np.array([0, 1], np.int32)
    pictures = Pictures(Path("data"), ("x.jpg", "y.jpg"), labels, np.zeros(2, np.uint64), ("a", "b", "c"))
    table = pd.DataFrame(
        {
            "path": ["y.jpg", "x.jpg"],
            "true": ["b", "a"],
            "predicted": ["c", "a"],
            "probability": [0.5, 0.75],
            "top1": ["c", "a"],
            "top1_probability": [0.5, 0.75],
            "top2": ["b", "c"],
            "top2_probability": [0.375, 0.25],
            "top3": ["a", "b"],
            "top3_probability": [0.125, 0.0],
        }
    )
    return pictures, table


def test_a_logged_table_is_put_into_the_pictures_order(logged):
    pictures, table = logged
    found = as_predictions(table, pictures)
    assert found.paths == ("x.jpg", "y.jpg")
    assert found.probabilities.tolist() == [[0.75, 0.0, 0.25], [0.125, 0.375, 0.5]]
    assert found.predicted.tolist() == [0, 2]


@pytest.mark.parametrize(
    "change",
    [
        {"path": ["y.jpg", "z.jpg"]},
        {"path": ["x.jpg", "x.jpg"]},
        {"true": ["a", "a"]},
        {"top2": ["b", "unheard of"]},
    ],
)
def test_a_logged_table_about_other_pictures_or_classes_is_not_taken(logged, change):
    pictures, table = logged
    assert as_predictions(table.assign(**change), pictures) is None


def test_a_table_with_fewer_columns_than_expected_is_not_taken(logged):
    pictures, table = logged
    assert as_predictions(table.drop(columns=["top3", "top3_probability"]), pictures) is None


def test_classes_are_brought_into_the_first_models_order(make_ordered_table):
    table = make_ordered_table(("b", "c", "a"))
    ordered = in_order(table, ("a", "b", "c"))
    assert ordered.classes == ("a", "b", "c")
    names = [table.classes[label] for label in table.predicted]
    assert [ordered.classes[label] for label in ordered.predicted] == names
    assert [ordered.classes[label] for label in ordered.true] == [table.classes[label] for label in table.true]


@pytest.fixture
def make_ordered_table():
    from beauty_mlflow.evaluation.predictions import PredictionTable

    def make(classes):
        rows = np.random.default_rng(3).random((20, len(classes))).astype(np.float32)
        true = np.arange(20, dtype=np.int32) % len(classes)
        return PredictionTable(tuple(map(str, range(20))), true, rows, classes)

    return make
