import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from beauty_mlflow.data.splits.manifest import read_split, write_split
from beauty_mlflow.jobs.building import build_finetuned
from beauty_mlflow.jobs.feeding import open_feeds
from beauty_mlflow.jobs.finetune import Finetune, run
from beauty_mlflow.jobs.sessions import in_session
from beauty_mlflow.jobs.settings import resolve
from beauty_mlflow.jobs.warm_head import warm_head
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

WARM = {"recipe": "fast", "precision": "float32", "epochs": "2"}


@pytest.fixture
def warmed(local_store, own_cache, slow_trunk, tiny, capsys):
    """Make a function that trains a run's head; it returns the figures, the network, and the epochs that it took."""

    def warmed(before=lambda _: None, **changes):
        found = []

        def work(current):
            settings = resolve(current.parameters)
            model = build_finetuned(current, settings).model
            before(model)
            with open_feeds(current, settings, model) as feeds:
                found.extend([warm_head(current, settings, feeds), model])
            return []

        capsys.readouterr()
        in_session(Finetune.parse({**tiny, **WARM, **changes}), "a test", work)
        epochs = re.findall(r"^head alone, epoch \d+/20", capsys.readouterr().err, re.MULTILINE)
        return *found, len(epochs)

    return warmed


def variables_of(model):
    return {layer.name: [np.array(variable) for variable in layer.variables] for layer in model.layers}


def differing(one, other):
    return {name for name in one if not all(map(np.array_equal, one[name], other[name]))}


def test_only_the_head_is_trained(warmed):
    """Dense layers alone, and its figures are those of its best epoch."""
    untrained = []
    figures, model, epochs = warmed(before=lambda model: untrained.append(variables_of(model)))
    assert 1 <= epochs <= 20
    assert differing(untrained[0], variables_of(model)) == {"head_dense", "head_predictions"}
    assert set(figures) == {"head_val_loss", "head_val_accuracy"}
    assert 0 < figures["head_val_loss"] < 5
    assert 0 <= figures["head_val_accuracy"] <= 1


def test_two_depths_share_one_head(warmed, own_cache):
    """The second finds it, and has the same figures and variables, dropout's random state included."""
    first, model, epochs = warmed(blocks="1", cache_depths="1-2")
    again, deeper, later = warmed(blocks="2", cache_depths="1-2")
    assert epochs > 0
    assert later == 0
    assert again == first
    assert differing(variables_of(model), variables_of(deeper)) == set()
    assert len(own_cache.stored("head")) == 1


@pytest.mark.slow
def test_a_head_is_found_whatever_was_measured_and_built_before_it(warmed):
    """Keras numbers what it builds over a process: neither that nor another network in between makes another head."""
    _, _, epochs = warmed()
    assert epochs > 0
    warmed(dense_units="4")
    assert warmed()[2] == 0


DECIDING = {
    "seed": "1",
    "dense_units": "4",
    "dropout": "0.5",
    "batch_size": "8",
    "class_weight": "balanced",
    "label_smoothing": "0.3",
    "optimizer": "adam",
    "schedule": "constant",
    "augment": "thesis",
    "epochs": "3",
}


@pytest.mark.slow
def test_whatever_decides_a_head_makes_another_one(warmed, own_cache):
    """What it reads, how it begins, how it is trained; more epochs are more views."""
    warmed()
    for number, (name, value) in enumerate(DECIDING.items(), start=2):
        assert warmed(**{name: value})[2] > 0, name
        assert len(own_cache.stored("head")) == number, name


@pytest.mark.slow
def test_validation_pictures_that_change_their_labels_make_another_head(warmed, own_cache, tiny, tmp_path):
    """They choose its best epoch. The same pictures, and of each class as many as before."""
    warmed()
    split = read_split(Path(tiny["data"]))
    chosen = split.table.query("part == 'val'").drop_duplicates("class").index[:2]
    one, other = split.table.loc[chosen, "class"]
    table = split.table.copy()
    table.loc[chosen, "class"] = [other, one]
    swapped = replace(split, table=table.sort_values(["class", "path"], ignore_index=True))
    write_split(swapped, tmp_path / "swapped.csv")
    assert warmed(data=str(tmp_path / "swapped.csv"))[2] > 0
    assert len(own_cache.stored("head")) == 2


def test_no_head_comes_first_where_it_is_all_that_trains(warmed, own_cache):
    """Depth 0 is that training itself."""
    figures, _, epochs = warmed(blocks="0")
    assert (figures, epochs) == ({}, 0)
    assert own_cache.stored("head") == []


@pytest.mark.slow
def test_a_run_that_finds_the_head_ends_as_one_that_trained_it(local_store, own_cache, slow_trunk, tiny, capsys):
    """Losses of all epochs are the same, and the head's figures stand in both runs."""
    parameters = Finetune.parse({**tiny, **WARM, "epochs": "3"})
    runs = [dict(run(parameters))["run_id"] for _ in range(2)]
    assert capsys.readouterr().err.count("head alone, epoch 1/") == 1
    computed, found = (Run.find(connect(), run_id) for run_id in runs)
    for name in ("loss", "val_loss", "learning_rate"):
        assert found.metric_history(name) == pytest.approx(computed.metric_history(name), rel=1e-3)
    assert {name: found.metrics()[name] for name in ("head_val_loss", "head_val_accuracy")} == {
        name: computed.metrics()[name] for name in ("head_val_loss", "head_val_accuracy")
    }
