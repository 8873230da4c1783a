"""Which trainings' pictures are the same, and what is done where nobody can say."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from beauty_mlflow.data.splits.grouping import group_split
from beauty_mlflow.data.splits.manifest import COLUMNS, Split
from beauty_mlflow.errors import TrackingError, UnreachableError
from beauty_mlflow.jobs.artifacts import log_split
from beauty_mlflow.jobs.comparing_data import DAMAGED, GONE, as_compared, data_of
from beauty_mlflow.jobs.comparing_pairs import NO_MODEL, OTHER_GROUPS, find_pairs, matching
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect
from beauty_mlflow.tracking.trainings import find_trainings

CLASSES = ("apple", "ball", "cherry", "dog")


@pytest.fixture
def split():
    rows = [
        (f"{name}/{part}.png", name, part, hashlib.sha256(f"{name}{part}".encode()).hexdigest(), "", "")
        for name in CLASSES
        for part in ("test", "train", "val")
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS), dtype=str)
    return Split(Path("/data"), table, CLASSES, {"seed": 3, "strategy": "given"})


@pytest.fixture
def train(local_store):
    """The function ``trained``, in the quickest store."""
    return trained


def trained(split=None, blocks="1", parameters=None, **tags):
    """Make a run as a training of a split leaves it; return what a comparison reads of it."""
    store = connect()
    run = Run.create(store, "finetune tiny", tags)
    run.log_parameters({"network": "tiny", "recipe": "fast", "blocks": blocks, **(parameters or {})})
    if split is not None:
        log_split(run, split)
        run.set_tags({names.FINGERPRINT: split.fingerprint})
    run.log_metrics({names.BEST_VAL_ACCURACY: 0.5})
    run.finish("FINISHED")
    return find_trainings(store, [run.run_id], []).trainings[0]


def lose_manifest(training):
    shutil.rmtree(_artifacts(training) / "split")


def damage_manifest(training):
    (_artifacts(training) / names.MANIFEST).write_text("no manifest\n")


def _artifacts(training):
    return Path(training.run.entity().info.artifact_uri.removeprefix("file://"))


def pairs(*trainings, control=True):
    data = data_of(trainings)
    compared = [as_compared(one, data[one.run.run_id]) for one in trainings]
    return find_pairs(trainings[0].run.store, matching(compared, data), data, control=control)


def relabelled(split, path, name):
    table = split.table.copy()
    table.loc[table["path"] == path, "class"] = name
    return replace(split, table=table.sort_values(["class", "path"], ignore_index=True))


def test_groups_stand_against_their_classes(train, split):
    """Grouped twice, too; the models are gone here, which is said."""
    fruit, _ = group_split(split, {"fruit": ["apple", "cherry"]})
    food, _ = group_split(fruit, {"food": ["fruit", "dog"]})
    full = train(split)
    for grouped in (fruit, food):
        (pair,) = pairs(full, train(grouped))
        assert pair.missing == {NO_MODEL: 1}


def test_other_labels_are_no_pair(train, split):
    """Groups of corrected labels against the labels as they were: the pictures are the same, the task isn't."""
    corrected, _ = group_split(relabelled(split, "dog/val.png", "apple"), {"fruit": ["apple", "cherry"]})
    assert pairs(train(split), train(corrected)) == []
    inside, _ = group_split(relabelled(split, "cherry/val.png", "apple"), {"fruit": ["apple", "cherry"]})
    assert len(pairs(train(split), train(inside))) == 1


def test_other_weights_are_no_pair(train, split):
    grouped, _ = group_split(split, {"fruit": ["apple", "cherry"]})
    full = train(split, **{names.WEIGHTS_SOURCE: "imagenet"})
    assert len(pairs(full, train(grouped, **{names.WEIGHTS_SOURCE: "imagenet"}))) == 1
    assert pairs(full, train(grouped, **{names.WEIGHTS_SOURCE: "random"})) == []


def test_classes_that_dont_sum_to_the_groups(train, split):
    """As where a class of the one has no picture but in its test part."""
    grouped, _ = group_split(split, {"fruit": ["apple", "cherry"]})
    more = pd.DataFrame([("egg/1.png", "egg", "test", "e" * 64, "", "")], columns=list(COLUMNS), dtype=str)
    full = replace(split, table=pd.concat([split.table, more], ignore_index=True), classes=(*CLASSES, "egg"))
    (pair,) = pairs(train(full), train(grouped))
    assert pair.missing == {OTHER_GROUPS: 1}


def test_a_bad_manifest_doesnt_end_the_comparison(train, split):
    good, bad = train(split), train(relabelled(split, "dog/val.png", "apple"))
    damage_manifest(bad)
    data = data_of([bad, good])
    assert [data[one.run.run_id].problem for one in (bad, good)] == [DAMAGED, ""]


def test_a_lost_manifest_doesnt_spread(train, split):
    """Another run of the same split has it; where none has, that is said."""
    lost, whole = train(split), train(split)
    alone = train()
    lose_manifest(lost)
    data = data_of([lost, whole, alone])
    assert data[lost.run.run_id] == data[whole.run.run_id]
    assert [one.problem for one in data.values()] == ["", "", GONE]
    assert data_of([lost])[lost.run.run_id].problem == GONE


def test_what_a_server_refuses_or_doesnt_say_isnt_a_lost_manifest(faults, split):
    """One that the server doesn't have is."""
    training, lost = trained(split), trained()
    assert [one.problem for one in data_of([training, lost]).values()] == ["", GONE]
    faults.only = lambda _, path: "mlflow-artifacts" in path
    faults.status = 403
    with pytest.raises(TrackingError, match=r"Can't fetch split of the run .*403"):
        data_of([training])
    faults.status, faults.refuse = 0, True
    for one in (training, lost):
        with pytest.raises(UnreachableError, match="Can't fetch split of the run"):
            data_of([one])


def test_what_a_server_refuses_or_doesnt_say_isnt_a_lost_model(faults, split):
    """One that the server doesn't have is."""
    trainings = [trained(split), trained(group_split(split, {"fruit": ["apple", "cherry"]})[0])]
    data = data_of(trainings)
    compared = [as_compared(one, data[one.run.run_id]) for one in trainings]
    store = trainings[0].run.store
    (pair,) = find_pairs(store, matching(compared, data), data, control=True)
    assert pair.missing == {NO_MODEL: 1}
    faults.only = lambda _, path: "runs/get" in path
    faults.status = 403
    with pytest.raises(TrackingError, match=r"Can't find the run .*403"):
        find_pairs(store, matching(compared, data), data, control=True)
    faults.status, faults.refuse = 0, True
    with pytest.raises(UnreachableError, match="Can't find the run"):
        find_pairs(store, matching(compared, data), data, control=True)


def test_a_depth_that_is_no_number_is_none(train, split):
    """Of another tool's run."""
    for blocks in ("inf", "nan", "two"):
        training = train(split, blocks=blocks)
        assert as_compared(training, data_of([training])[training.run.run_id]).blocks is None


@pytest.mark.parametrize(
    ("parameters", "plain"),
    [
        ({}, True),
        ({"label_smoothing": "auto", "resolved.label_smoothing": "0.0", "class_weight": "none"}, True),
        ({"label_smoothing": "auto", "resolved.label_smoothing": "0.1"}, False),
        ({"resolved.label_smoothing": "0.0", "class_weight": "balanced"}, False),
    ],
)
def test_a_loss_with_smoothing_or_weights_is_no_plain_one(train, split, parameters, plain):
    training = train(split, parameters=parameters)
    assert as_compared(training, data_of([training])[training.run.run_id]).plain_loss == plain
