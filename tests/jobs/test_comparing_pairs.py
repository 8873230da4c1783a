"""The control of all classes summed into groups: whom it asks, how often, and what is said where it can't be had."""

import shutil
from pathlib import Path

import keras
import pytest

from beauty_mlflow.data.splits.grouping import group_split
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data
from beauty_mlflow.jobs import comparing, comparing_pairs
from beauty_mlflow.jobs.artifacts import log_split
from beauty_mlflow.jobs.asking import ask
from beauty_mlflow.jobs.compare import Compare
from beauty_mlflow.jobs.compare import run as compare
from beauty_mlflow.jobs.comparing_data import as_compared, data_of
from beauty_mlflow.jobs.comparing_pairs import BAD_MODEL, NO_PICTURES, find_pairs, matching
from beauty_mlflow.progress import silent_progress
from beauty_mlflow.serving.package import MODEL_FILE, save_package
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.models import locate_model
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect
from beauty_mlflow.tracking.trainings import find_trainings

SIDE = 16


@pytest.fixture
def split(pictures, tmp_path):
    """A split of four classes, of pictures that the test may spoil."""
    copy = shutil.copytree(pictures, tmp_path / "copy")
    return split_data(copy, SplitOptions(train=0.5, val=0.25, test=0.25), silent_progress).split


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A function from classes to the package of a small network for them."""

    def make(classes):
        folder = tmp_path_factory.mktemp("package")
        layers = [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(len(classes), activation="softmax"),
        ]
        about = {"classes": classes, "image_size": SIDE, "resize": "squash", "network": "tiny"}
        save_package(folder, keras.Sequential(layers), **about)
        return folder

    return make


@pytest.fixture
def train(local_store, package):
    """Make a run as a training leaves it, with its model where the classes are all; return its id."""

    def make(split, blocks="0", recipe="fast"):
        run = Run.create(connect(), "finetune tiny")
        run.log_parameters({"network": "tiny", "recipe": recipe, "blocks": blocks})
        log_split(run, split)
        run.set_tags({names.FINGERPRINT: split.fingerprint})
        run.log_metrics({names.BEST_VAL_ACCURACY: 0.5})
        if not split.options.get("groups"):
            run.log_model(package(split.classes), example=(split.folder / split.table["path"][0]).read_bytes())
        run.finish("FINISHED")
        return run.run_id

    return make


@pytest.fixture
def asked(monkeypatch):
    """The models that were asked, each time anew."""
    models = []

    def count(model, *given):
        models.append(model)
        return ask(model, *given)

    monkeypatch.setattr(comparing_pairs, "ask", count)
    return models


def paired(split, number=2):
    """Group the first classes of a split."""
    return group_split(split, {"some": list(split.classes[:number])})[0]


def pairs(*runs):
    trainings = find_trainings(connect(), runs, []).trainings
    data = data_of(trainings)
    compared = [as_compared(one, data[one.run.run_id]) for one in trainings]
    return find_pairs(connect(), matching(compared, data), data, control=True)


def test_only_the_validation_pictures_are_looked_at(train, split):
    """Without a test picture and with a changed training picture the control is there; one of its own must be, too."""
    runs = train(split), train(paired(split))
    (split.folder / split.rows("test")["path"].iloc[0]).unlink()
    (split.folder / split.rows("train")["path"].iloc[0]).write_bytes(b"changed")
    (pair,) = pairs(*runs)
    assert (list(pair.summed), list(pair.losses), pair.missing) == ([0], [0], {})
    assert 0 <= pair.summed[0].low <= pair.summed[0].value <= pair.summed[0].high <= 1
    (split.folder / split.rows("val")["path"].iloc[0]).unlink()
    (pair,) = pairs(*runs)
    assert (pair.summed, pair.missing) == ({}, {NO_PICTURES: 1})


def test_a_damaged_model_isnt_blamed_on_the_pictures(train, split):
    """The other depth keeps its control."""
    damaged, good, grouped = train(split), train(split, blocks="1"), train(paired(split))
    location = locate_model(connect(), damaged).location.removeprefix("file://")
    (file,) = Path(location).rglob(MODEL_FILE)
    file.write_bytes(file.read_bytes()[:1000])
    (pair,) = pairs(damaged, good, grouped)
    assert (list(pair.summed), pair.missing) == ([1], {BAD_MODEL: 1})


def test_each_model_is_asked_once_and_only_for_a_figure_that_is_drawn(train, split, asked, monkeypatch, capsys):
    """However many groupings its classes stand against."""
    one, other = paired(split), paired(split, 3)
    found = pairs(train(split), train(split, blocks="1"), train(one), train(other))
    assert [list(pair.summed) for pair in found] == [[0, 1], [0, 1]]
    assert len(asked) == 2
    train(split, recipe="thesis")
    train(one, recipe="thesis")
    asked.clear()
    monkeypatch.setattr(comparing, "FIGURES", 2)
    compare(Compare())
    assert len(asked) == 2
    assert "Figures not drawn, as there are 2 of a kind at most: 1." in capsys.readouterr().err
