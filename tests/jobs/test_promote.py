import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from beauty_mlflow.data.sample import make_sample
from beauty_mlflow.data.splits.manifest import read_split, write_split
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data
from beauty_mlflow.errors import DataError, ParameterError, RefusedError, TrackingError, UnreachableError
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.jobs.artifacts import log_evaluation, log_split
from beauty_mlflow.jobs.contenders import PART, contender
from beauty_mlflow.jobs.evaluated_before import tables_of
from beauty_mlflow.jobs.promote import Promote
from beauty_mlflow.jobs.promote import run as promote
from beauty_mlflow.jobs.promotions import Promotions
from beauty_mlflow.jobs.promotions import run as promotions
from beauty_mlflow.jobs.rollback import Rollback
from beauty_mlflow.jobs.rollback import run as rollback
from beauty_mlflow.progress import silent_progress
from beauty_mlflow.serving.package import save_package
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.models import download
from beauty_mlflow.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

SIZE = 16
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def shared_boxes(tmp_path_factory):
    """4 classes of 30 pictures, half of them in the test part."""
    folder = tmp_path_factory.mktemp("promote") / "boxes"
    make_sample(folder, classes=4, images=30, seed=3, progress=silent_progress)
    split = split_data(folder, SplitOptions(train=0.3, val=0.2, test=0.5), silent_progress).split
    write_split(split, folder.parent / "split.csv")
    return folder.parent / "split.csv"


@pytest.fixture
def boxes(shared_boxes):
    return read_split(shared_boxes, check_pictures=False)


@pytest.fixture(scope="session")
def contender_package(tmp_path_factory, shared_boxes):
    """A function from a seed to a package with a network of that seed's."""

    def make(seed):
        folder = tmp_path_factory.mktemp("package")
        classes = read_split(shared_boxes, check_pictures=False).classes
        keras.utils.set_random_seed(seed)
        layers = [
            keras.Input((SIZE, SIZE, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(len(classes), activation="softmax"),
        ]
        about = {"classes": classes, "image_size": SIZE, "resize": "squash", "network": "tiny"}
        save_package(folder, keras.Sequential(layers), **about)
        return folder

    return make


@pytest.fixture
def contend(boxes, contender_package, picture_bytes):
    """Make the run of a training whose model has a share of the test pictures right, as its evaluation says."""

    def make(share, *, split=boxes, measured=True, best=0.5, tags=None, weights="auto"):
        run = Run.create(connect(), "a training", {names.FINGERPRINT: split.fingerprint, **(tags or {})})
        with tracked(run, sample=False):
            run.log_parameters({"network": "tiny", "blocks": "0", "weights": weights})
            run.log_metrics({names.BEST_VAL_ACCURACY: best})
            log_split(run, split)
            if measured:
                log_evaluation(run, Evaluated(_table(split, share)), "test")
            run.log_model(contender_package(round(100 * share)), example=picture_bytes)
        return run.run_id

    return make


@pytest.fixture(scope="session")
def picture_bytes(shared_boxes):
    split = read_split(shared_boxes, check_pictures=False)
    return (split.folder / split.part("train").paths[0]).read_bytes()


@pytest.fixture
def registry(local_store):
    return Registry(connect(), "beauty")


def _table(split, share):
    """Answers of which the first pictures of each class are right, the others the next class."""
    pictures = split.part("test")
    predicted = pictures.labels.copy()
    for label in range(len(split.classes)):
        rows = np.flatnonzero(pictures.labels == label)
        predicted[rows[round(share * len(rows)) :]] = (label + 1) % len(split.classes)
    probabilities = np.full((len(pictures), len(split.classes)), 0.1, np.float32)
    probabilities[np.arange(len(pictures)), predicted] = 0.7
    return PredictionTable(pictures.paths, pictures.labels, probabilities, split.classes)


def aliases(registry):
    found = {alias: registry.find(alias) for alias in (CHAMPION, PREVIOUS, CHALLENGER)}
    return {alias: version.run_id for alias, version in found.items() if version}


def audits(store):
    return [run for run in store.client.search_runs([store.experiment_id]) if names.PROMOTION in run.data.tags]


def test_from_the_first_champion_to_a_rollback(store_uri, contend, monkeypatch, capsys):
    """On each kind of store: the first passes, a better one takes its place, a worse one doesn't, and back again."""
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "the whole story")
    name = "story"
    registry = Registry(connect(), name)
    good, better, bad = contend(0.6), contend(0.9), contend(0.3)
    first = dict(promote(Promote(name=name, candidate=good)))
    assert (first["verdict"], first["champion"]) == ("first", f"models:/{name}/1")
    second = dict(promote(Promote(name=name, candidate=better)))
    assert (second["verdict"], second["candidate's accuracy"], second["pictures"]) == ("better", "0.9333", "60")
    assert aliases(registry) == {CHAMPION: better, PREVIOUS: good}
    with pytest.raises(RefusedError, match=r"Not promoted \(worse\)\. .*minimum_gain: 0 pictures gained"):
        promote(Promote(name=name, candidate=bad))
    assert aliases(registry) == {CHAMPION: better, PREVIOUS: good, CHALLENGER: bad}
    undone = dict(rollback(Rollback(name=name, reason="returns went up")))
    assert undone["champion"] == f"models:/{name}/1"
    assert aliases(registry) == {CHAMPION: good, PREVIOUS: better, CHALLENGER: bad}
    description = connect().client.get_run(undone["audit"]).data.tags[names.DESCRIPTION]
    for number, run_id in ((2, better), (1, good)):
        assert re.search(rf"version {number} \(\[run {run_id}\]\(#/experiments/\d+/runs/{run_id}\)\)", description)
    capsys.readouterr()
    listed = dict(promotions(Promotions(name=name)))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["rollback", "promote", "promote", "promote"]
    assert "returns went up" in lines[1]
    assert "refused" in lines[2]
    assert listed["promotions and rollbacks"] == 4
    assert {run.info.status for run in audits(connect())} == {"FINISHED"}


def test_what_a_promotion_leaves(local_store, contend, registry, boxes):
    """Tags and description of the version, report and answers in a run of its own."""
    old, new = contend(0.6), contend(0.9)
    promote(Promote(candidate=old))
    promote(Promote(candidate=new))
    store = connect()
    version = store.client.get_model_version_by_alias("beauty", CHAMPION)
    audit = Run.find(store, version.tags[names.PROMOTION_RUN])
    assert version.run_id == new
    assert version.tags["verdict"] == "better"
    assert version.tags[names.FINGERPRINT] == boxes.fingerprint
    assert float(version.tags["promotion.accuracy"]) == pytest.approx(56 / 60, abs=1e-5)
    assert "better: accuracy 0.9333" in version.description
    assert audit.metrics()["promotion.gain"] == pytest.approx(20 / 60)
    assert audit.tags[names.PROMOTION_VERSION] == str(version.version)
    folder = download(audit, names.PROMOTION_FOLDER, Path(os.environ["BEAUTY_STATE_DIR"]))
    assert {file.name for file in folder.iterdir()} == {"report.md", "report.html", "gate.json", "answers.csv"}
    answers = pd.read_csv(folder / "answers.csv")
    assert (answers["candidate"] == answers["true"]).mean() == pytest.approx(56 / 60)
    assert (answers["champion"] == answers["true"]).mean() == pytest.approx(36 / 60)
    assert (folder / "report.html").read_text().count("<img") == 12
    assert f"candidate's answers: evaluated by run {new}" in (folder / "report.md").read_text()


def test_ties_keep_the_champion(local_store, contend, registry):
    champion = contend(0.6)
    promote(Promote(candidate=champion))
    with pytest.raises(RefusedError, match=r"Not promoted \(equal within noise\)") as refused:
        promote(Promote(candidate=contend(0.6)))
    assert dict(refused.value.summary)["challenger"] == "models:/beauty/2"
    assert aliases(registry)[CHAMPION] == champion


def test_the_best_by_validation_is_the_candidate(local_store, contend, registry):
    """Never by a test figure; and who is the champion already isn't compared with itself."""
    contend(0.9, best=0.5)
    best = contend(0.6, best=0.8)
    promote(Promote())
    assert aliases(registry) == {CHAMPION: best}
    assert dict(promote(Promote()))["verdict"] == "the candidate is the champion already"
    assert len(audits(connect())) == 1


def test_a_study_limits_the_choice(local_store, contend, registry):
    contend(0.6, best=0.8)
    inside = contend(0.9, best=0.5, tags={names.STUDY: "it's mine"})
    promote(Promote(study="it's mine"))
    assert aliases(registry) == {CHAMPION: inside}
    with pytest.raises(TrackingError, match="No finished run of the study other has both best_val_accuracy"):
        promote(Promote(study="other"))
    with pytest.raises(TrackingError, match="There is no experiment 'nowhere'; there are: "):
        promote(Promote(experiment="nowhere"))
    with pytest.raises(ParameterError, match="candidate names the model"):
        promote(Promote(study="other", candidate=inside))


def test_a_dry_run_touches_nothing(local_store, contend, registry):
    """It reports all the same, and says so."""
    summary = dict(promote(Promote(candidate=contend(0.6), dry_run=True)))
    assert summary["passed"] == "true"
    assert aliases(registry) == {}
    assert connect().client.search_registered_models() == []
    audit = audits(connect())[0]
    assert audit.data.tags[names.PROMOTION_DRY_RUN] == "true"
    assert "dry run" in audit.data.tags[names.DESCRIPTION]


def test_pictures_that_either_model_has_seen_are_left_out(local_store, contend, boxes, tmp_path, capsys):
    """The champion was trained on half of what is the candidate's test part: both counts are said."""
    table = boxes.table.copy()
    test = table.index[table["part"] == "test"]
    table.loc[test[::2], "part"], table.loc[test[1::4], "part"] = "train", "val"
    other = type(boxes)(boxes.folder, table, boxes.classes, boxes.options)
    gate = str(_gate(tmp_path, minimum_pictures=5, minimum_accuracy=0.0))
    promote(Promote(candidate=contend(0.6, split=other, measured=False), gate=gate))
    capsys.readouterr()
    with pytest.raises(RefusedError, match="Not promoted") as refused:
        promote(Promote(candidate=contend(0.2), gate=gate))
    assert dict(refused.value.summary)["pictures"] == "15"
    assert dict(refused.value.summary)["left out"] == "0 that the candidate has seen, 45 that the champion has seen"
    assert "45 test pictures were left out: the champion was trained or chosen on them" in capsys.readouterr().err


def test_no_picture_left_and_too_few(local_store, contend, boxes, tmp_path):
    champion = contend(0.6)
    promote(Promote(candidate=champion))
    table = boxes.table.copy()
    table["part"] = table["part"].map({"train": "test", "val": "test", "test": "train"})
    swapped = type(boxes)(boxes.folder, table, boxes.classes, boxes.options)
    with pytest.raises(DataError, match=r"No test picture is left: all 60 .* Give `data` with pictures that are new"):
        promote(Promote(candidate=contend(0.9, split=swapped)))
    with pytest.raises(DataError, match="60 pictures are too few to tell anything: the gate's minimum_pictures is 100"):
        promote(Promote(candidate=contend(0.9), gate=str(_gate(tmp_path, minimum_pictures=100))))
    assert len(audits(connect())) == 1


def test_each_use_of_a_test_part_is_counted(local_store, contend, capsys):
    promote(Promote(candidate=contend(0.5)))
    promote(Promote(candidate=contend(0.7)))
    capsys.readouterr()
    promote(Promote(candidate=contend(1.0)))
    assert "This test part has decided 2 promotions before." in capsys.readouterr().err


def test_groups_of_the_gate(local_store, contend, boxes, tmp_path):
    grouping = tmp_path / "groups.yaml"
    grouping.write_text(f"both: [{boxes.classes[0]}, {boxes.classes[1]}]\n")
    gate = _gate(tmp_path, groups=str(grouping))
    promote(Promote(candidate=contend(0.9), gate=str(gate)))
    with pytest.raises(RefusedError, match=r"recall_loss: .*group both lost 0.6"):
        promote(Promote(candidate=contend(0.3), gate=str(gate)))
    grouping.write_text("both: [nothing]\n")
    with pytest.raises(DataError, match="names classes that the split doesn't have: nothing"):
        promote(Promote(candidate=contend(0.9), gate=str(gate)))


def test_another_model_in_a_run_isnt_judged_by_the_runs_answers(local_store, contend, contender_package, picture_bytes):
    """A second model that was logged in a finished run is asked itself, and nobody knows what it was trained on."""
    run_id = contend(0.9)
    store = connect()
    model = store.client.create_logged_model(store.experiment_id, "patched", source_run_id=run_id)
    own = store.client.get_logged_model(Run.find(store, run_id).model_id())
    folder = Path(os.environ["BEAUTY_STATE_DIR"]) / "own"
    shutil.copytree(own.artifact_location.removeprefix("file://"), folder)
    store.client.log_model_artifacts(model.model_id, str(folder))
    store.client.finalize_logged_model(model.model_id, "READY")
    with pytest.raises(DataError, match="Nobody knows what the candidate was trained on"):
        promote(Promote(candidate=f"models:/{model.model_id}"))


def test_pictures_that_the_first_weights_have_seen_are_left_out(local_store, contend, boxes, tmp_path, capsys):
    """The candidate began with the weights of a training that had half of today's test part."""
    table = boxes.table.copy()
    test = table.index[table["part"] == "test"]
    table.loc[test[::2], "part"] = "train"
    source = contend(0.6, split=type(boxes)(boxes.folder, table, boxes.classes, boxes.options), measured=False)
    summary = dict(promote(Promote(candidate=contend(0.9, weights=source))))
    assert summary["pictures"] == "30"
    assert "30 test pictures were left out: the candidate was trained or chosen on them" in capsys.readouterr().err
    capsys.readouterr()
    promote(Promote(name="other", candidate=contend(0.8, weights="f" * 32)))
    assert f"come from {'f' * 32}, whose pictures nobody knows any more: overlap unknown" in capsys.readouterr().err


def lose(run_id, artifact):
    """Delete an artifact of a run, wherever it is kept."""
    store = connect()
    repository = get_artifact_repository(Run.find(store, run_id).entity().info.artifact_uri, tracking_uri=store.uri)
    repository.delete_artifacts(artifact)


def candidate(run_id):
    return contender(connect(), "candidate", run_id, allow_foreign=False)


def test_a_manifest_that_is_gone(store_uri, contend, monkeypatch, capsys):
    """On each kind of store nobody knows then what the model was trained on, or what its first weights were."""
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "gone")
    source = contend(0.6)
    model = contend(0.7, weights=source)
    assert len(candidate(model).ancestors) == 1
    lose(source, "split")
    assert candidate(model).ancestors == ()
    assert f"come from {source}, whose pictures nobody knows any more: overlap unknown" in capsys.readouterr().err
    lose(model, "split")
    assert (candidate(model).training, candidate(model).own) == (None, None)


def test_a_manifest_that_a_server_refuses_or_doesnt_give_isnt_gone(faults, contend):
    """The pictures that a model has seen would be left in: nothing is promoted then."""
    source = contend(0.6)
    model = contend(0.7, weights=source)
    for run_id in (model, source):
        faults.only = lambda _, path, run_id=run_id: run_id in path and "split" in path
        faults.status = 403
        with pytest.raises(TrackingError, match=f"Can't fetch split of the run {run_id}: .*403"):
            candidate(model)
        faults.status, faults.refuse = 0, True
        with pytest.raises(UnreachableError, match=f"Can't fetch split of the run {run_id}"):
            candidate(model)
        faults.heal()
    assert len(candidate(model).ancestors) == 1


def test_answers_that_a_server_refuses_or_doesnt_give_arent_missing(faults, contend, boxes, tmp_path):
    """The model isn't asked anew for them; for those that are gone or damaged it is."""
    training = Run.find(connect(), contend(0.6))

    def tables():
        return [run.run_id for run, _ in tables_of(connect(), training, boxes, PART)]

    assert tables() == [training.run_id]
    faults.only = lambda _, path: "predictions.csv" in path
    faults.status = 403
    with pytest.raises(TrackingError, match=r"Can't fetch evaluation/test/predictions\.csv"):
        tables()
    faults.status, faults.refuse = 0, True
    with pytest.raises(UnreachableError, match=r"Can't fetch evaluation/test/predictions\.csv"):
        tables()
    faults.heal()
    (tmp_path / "predictions.csv").write_text("no table\n")
    training.log_file(tmp_path / "predictions.csv", "evaluation/test")
    assert tables() == []
    lose(training.run_id, "evaluation")
    assert tables() == []


@pytest.mark.slow
def test_every_picture_of_a_fresh_folder_decides(local_store, contend, tmp_path, capsys):
    """A holdout that says no parts of its own isn't split once more."""
    make_sample(tmp_path / "fresh", classes=4, images=10, seed=21, progress=silent_progress)
    gate = str(_gate(tmp_path, minimum_accuracy=0.0))
    assert dict(promote(Promote(candidate=contend(0.9), data=str(tmp_path / "fresh"), gate=gate)))["pictures"] == "40"
    assert "doesn't say which picture is for what: all 40 are test pictures" in capsys.readouterr().err


def test_a_refused_champion_of_before_keeps_its_verdict(local_store, contend):
    """The version that was promoted first is tried again and refused; after a rollback its verdict is the first."""
    first = contend(0.6)
    promote(Promote(candidate=first))
    promote(Promote(candidate=contend(0.9)))
    with pytest.raises(RefusedError, match="worse"):
        promote(Promote(candidate=first))
    rollback(Rollback(reason="back"))
    assert connect().client.get_model_version_by_alias("beauty", CHAMPION).tags["verdict"] == "first"


def test_size_and_speed_are_measured_where_the_gate_asks(local_store, contend, tmp_path):
    gate = _gate(tmp_path, largest_megabytes=0.001, slowest_milliseconds=1e-6)
    with pytest.raises(RefusedError, match=r"largest_megabytes: 0\.\d+ MB, allowed: 0.001; slowest_milliseconds: "):
        promote(Promote(candidate=contend(0.9), gate=str(gate)))


@pytest.mark.slow
def test_a_model_without_a_table_is_asked(local_store, contend, finetuned, tmp_path, capsys):
    """A real training's model, on its own test part; a picture that changed since is named."""
    gate = str(_gate(tmp_path, minimum_pictures=5, minimum_accuracy=0.0))
    summary = dict(promote(Promote(candidate=finetuned, gate=gate)))
    assert summary["pictures"] == "12"
    split = read_split(tmp_path / "split.csv", check_pictures=False)
    copy = tmp_path / "copy"
    shutil.copytree(split.folder, copy)
    moved = type(split)(copy, split.table, split.classes, split.options)
    write_split(moved, tmp_path / "moved.csv")
    path = copy / moved.part("test").paths[0]
    path.write_bytes(path.read_bytes() + b"0")
    registry = Registry(connect(), "other")
    with pytest.raises(DataError, match=f"The picture {path} has changed since the split was made"):
        promote(Promote(name="other", candidate=finetuned, data=str(tmp_path / "moved.csv"), gate=gate))
    assert aliases(registry) == {}


def test_with_tables_no_tensorflow(local_store, contend):
    """Where the answers are known, promoting takes no import of TensorFlow or Keras."""
    script = (
        "import sys; sys.modules.update(tensorflow=None, keras=None);"
        "from beauty_mlflow.cli import main; main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", script, "promote", "--candidate", contend(0.9)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "verdict: first" in done.stdout


def test_the_command_says_no_with_status_3(local_store, contend, beauty):
    """The summary stands on stdout, the reason on stderr."""
    promote(Promote(candidate=contend(0.9)))
    done = beauty("promote", "--candidate", contend(0.3))
    assert done.returncode == 3
    assert "verdict: worse" in done.stdout
    assert "error: Not promoted (worse). " in done.stderr


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"candidate": "best"}, "'best' names no model"),
        ({"name": "a/b"}, "can't be a registered model's name"),
        ({"gate": "nowhere.toml"}, "The gate file 'nowhere.toml' can't be read"),
        ({"candidate": "0" * 32}, "Can't find the run 0000"),
        ({"candidate": "models:/beauty@nothing"}, "Can't find the registered model beauty"),
        ({}, "No finished run of these experiments has both"),
        ({"data": "nowhere"}, "'nowhere' doesn't exist"),
    ],
)
def test_bad_input(local_store, beauty, given, message):
    done = beauty("promote", *(word for name, value in given.items() for word in (f"--{name}", value)))
    assert done.returncode == 2
    assert message in done.stderr
    assert audits(connect()) == []


def test_a_run_without_a_model_is_no_candidate(local_store):
    run = Run.create(connect(), "no model")
    with tracked(run, sample=False):
        run.log_metrics({names.BEST_VAL_ACCURACY: 0.9})
    with pytest.raises(TrackingError, match=r"The run .* has no model; give a run that finished a training"):
        promote(Promote(candidate=run.run_id))
    with pytest.raises(TrackingError, match="Train one first"):
        promote(Promote())


def test_nothing_to_go_back_to(local_store, contend):
    with pytest.raises(TrackingError, match="has no alias 'champion'; it has: none"):
        rollback(Rollback(reason="why not"))
    promote(Promote(candidate=contend(0.9)))
    with pytest.raises(TrackingError, match=r"has no alias 'previous'; it has: champion \(version 1\)"):
        rollback(Rollback(reason="why not"))


class Shouter(mlflow.pyfunc.PythonModel):
    """A model of somebody else's: it always gives the same answer."""

    def __init__(self, label):
        self.label = label

    def predict(self, model_input):
        return [self.label] * len(model_input)


@pytest.mark.slow
def test_a_foreign_model_takes_part_only_where_it_may(local_store, boxes, shared_boxes, tmp_path, capsys, monkeypatch):
    """Its code is run only with allow_foreign; what it was trained on is unknown, and the gate decides about that."""
    mlflow.set_tracking_uri(local_store)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "elsewhere")
    with mlflow.start_run():
        shouter = Shouter(boxes.classes[0])
        info = mlflow.pyfunc.log_model(name="model", python_model=shouter, pip_requirements=["mlflow"])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local_store)
    given = {"candidate": info.model_uri, "data": str(shared_boxes)}
    with pytest.raises(TrackingError, match=r"isn't a model that this package logged\. With allow_foreign=true it"):
        promote(Promote(**given))
    with pytest.raises(RefusedError, match="require_manifest: nobody knows what it was trained on"):
        promote(Promote(**given, allow_foreign=True))
    assert "nobody knows what the candidate was trained on: overlap unknown" in capsys.readouterr().err
    gate = _gate(tmp_path, require_manifest=False, minimum_accuracy=0.2)
    assert dict(promote(Promote(**given, allow_foreign=True, gate=str(gate))))["candidate's accuracy"] == "0.2500"


@pytest.mark.slow
def test_data_that_grew(local_store, contend, boxes, shared_boxes, tmp_path, capsys):
    """After split --extend the retrained model replaces its predecessor, which is asked about new pictures too."""
    champion = contend(0.6)
    promote(Promote(candidate=champion))
    grown = tmp_path / "boxes"
    shutil.copytree(boxes.folder, grown)
    make_sample(tmp_path / "more", classes=4, images=10, seed=8, progress=silent_progress)
    for path in (tmp_path / "more").rglob("*.jpg"):
        shutil.copy(path, grown / path.parent.name / f"new-{path.name}")
    options = SplitOptions(train=0.3, val=0.2, test=0.5, extend=shared_boxes)
    split = split_data(grown, options, silent_progress).split
    assert split.sizes["test"] > 60
    capsys.readouterr()
    summary = dict(promote(Promote(candidate=contend(0.9, split=split))))
    assert (summary["verdict"], summary["pictures"]) == ("better", str(split.sizes["test"]))
    assert "left out" not in capsys.readouterr().err


def _gate(folder, **conditions):
    path = folder / "gate.toml"
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in conditions.items()))
    return path
