import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beauty_mlflow.evaluation.clustering import collapse
from beauty_mlflow.evaluation.confusion import count_confusions
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.explorer.ordering import levels, orders
from beauty_mlflow.evaluation.explorer.page import to_json
from beauty_mlflow.evaluation.explorer.payload import SPACE, describe
from beauty_mlflow.evaluation.metrics import summarize
from beauty_mlflow.evaluation.predictions import PredictionTable

NAMES = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), min_size=1, max_size=7, unique=True)


@st.composite
def tables(draw):
    names = draw(NAMES)
    number = draw(st.integers(1, 30))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = random.integers(0, 4, (number, len(names))).astype(np.float32) + np.float32(0.01)  # with ties
    true = random.integers(0, len(names), number).astype(np.int32)
    paths = tuple(f"{i}.jpg" for i in range(number))
    return PredictionTable(paths, true, rows / rows.sum(axis=1, keepdims=True), tuple(names))


def unpack(packed, kind):
    return np.frombuffer(base64.b64decode(packed), kind)


def counts_in(document):
    """The matrix as the page builds it from the cells."""
    size = len(document["classes"])
    counts = np.zeros((size, size), np.int64)
    for true, predicted, pictures, listed in np.reshape(document["cells"], (-1, 4)):
        assert counts[true, predicted] == 0, "a cell twice"
        assert 0 <= listed <= pictures
        counts[true, predicted] = pictures
    return counts


@given(tables())
def test_every_picture_is_in_exactly_one_cell_and_the_sums_are_the_confusion_matrix(table):
    payload = describe(Evaluated(table))
    document = payload.document
    assert sorted(document["paths"]) == sorted(table.paths)
    counts = counts_in(document)
    assert counts.tolist() == count_confusions(table).tolist()
    cells = np.reshape(document["cells"], (-1, 4))
    assert (cells[:, 2] == cells[:, 3]).all(), "all are listed"
    true, predicted = np.repeat(cells[:, 0], cells[:, 3]), np.repeat(cells[:, 1], cells[:, 3])
    rows = [table.paths.index(path) for path in document["paths"]]
    assert rows == payload.listed.tolist()
    assert true.tolist() == table.true[rows].tolist()
    assert predicted.tolist() == table.predicted[rows].tolist()


@given(tables())
def test_the_most_probable_answer_of_a_cell_comes_first_and_numbers_come_back_exactly(table):
    document = describe(Evaluated(table)).document
    rows = [table.paths.index(path) for path in document["paths"]]
    width = document["width"]
    assert width == min(5, len(table.classes))
    labels = unpack(document["top"]["labels"], "<u2").reshape(-1, width)
    probabilities = unpack(document["top"]["probabilities"], "<f4").reshape(-1, width)
    assert labels.tolist() == table.top(5)[rows].tolist()
    assert (probabilities[:, 0] == table.probabilities.max(axis=1)[rows]).all()
    assert (unpack(document["truth"], "<f4") == table.probabilities[rows, table.true[rows]]).all()
    start = 0
    for number in document["cells"][3::4]:
        assert (np.diff(probabilities[start : start + number, 0]) <= 0).all()
        start += number


@given(tables(), st.lists(st.sampled_from("abc "), min_size=7, max_size=7))
def test_collapsing_moves_pictures_and_loses_none(table, letters):
    groups = {name: letter for name, letter in zip(table.classes, letters, strict=False) if letter != " "}
    counts = count_confusions(table)
    for level in levels(table.classes, groups):
        collapsed = collapse(counts, level.of)
        assert collapsed.sum() == len(table)
        assert (collapsed.sum(axis=1) == np.bincount(level.of, counts.sum(axis=1))).all()
        assert np.trace(collapsed) >= np.trace(counts)
        assert sorted(set(level.of.tolist())) == list(range(len(level.nodes)))


@given(tables(), st.booleans())
def test_every_order_has_every_class_once_and_keeps_nodes_together(table, grouped):
    groups = dict.fromkeys(table.classes[::2], "even") if grouped else {}
    gathered = levels(table.classes, groups)
    found = orders(count_confusions(table), table.classes, gathered)
    assert all(sorted(order) == list(range(len(table.classes))) for order in found.values())
    for level in gathered:
        nodes = level.of[found[level.name]]
        assert (np.diff(nodes) != 0).sum() == len(level.nodes) - 1, "a node's classes don't stand together"


def test_orders_and_levels_of_the_thesiss_names():
    names = ("Body_B", "Lips_A", "Body_A", "Alone")
    table = PredictionTable(("a", "b", "c", "d"), np.arange(4, dtype=np.int32), np.eye(4, dtype=np.float32), names)
    document = describe(Evaluated(table, groups={"Lips_A": "skin", "Body_A": "skin", "gone": "skin"})).document
    assert [(level["name"], level["nodes"], level["of"]) for level in document["levels"]] == [
        ("families", ["Body", "Lips", "Alone"], [0, 1, 0, 2]),
        ("groups", ["Body_B", "skin", "Alone"], [0, 1, 1, 2]),
    ]
    assert list(document["orders"]) == ["cluster", "table", "alphabetical", "families", "groups"]
    assert document["orders"]["table"] == [0, 1, 2, 3]
    assert document["orders"]["alphabetical"] == [3, 2, 0, 1]


def test_a_group_called_like_a_class_that_is_not_in_it_stays_apart():
    (level,) = levels(("a", "b", "c"), {"a": "c", "b": "c"})
    assert (level.nodes, level.of.tolist()) == (("c", "c"), [0, 0, 1])


def test_without_families_and_groups_there_is_no_level(make_table):
    assert describe(Evaluated(make_table(classes=4))).document["levels"] == []


def test_a_grouped_split_says_what_its_classes_were_made_of(make_table):
    table = make_table(classes=("face", "hands"))
    made_of = {"face": ["cream", "mask"], "hands": ["hands"], "gone": ["soap"]}
    document = describe(Evaluated(table, made_of=made_of)).document
    assert document["made_of"] == {"face": ["cream", "mask"]}
    assert document["levels"] == []


def test_a_group_may_be_called_like_one_of_its_classes_and_stand_in_a_larger_group(make_table):
    table = make_table(classes=("Cream", "Other"))
    groups = {"Cream": "all", "Other": "all"}
    document = describe(Evaluated(table, groups=groups, made_of={"Cream": ["Cream", "Lotion"]})).document
    assert document["made_of"] == {"Cream": ["Cream", "Lotion"]}
    assert [level["nodes"] for level in document["levels"]] == [["all"]]


def test_the_second_models_answers_stand_beside_the_same_pictures(make_table):
    table, other = make_table(n=50, seed=1), make_table(n=50, seed=2)
    other = PredictionTable(table.paths, table.true, other.probabilities, table.classes)
    payload = describe(Evaluated(table, beside=other))
    beside = payload.document["beside"]
    assert unpack(beside["labels"], "<u2").tolist() == other.predicted[payload.listed].tolist()
    assert (unpack(beside["probabilities"], "<f4") == other.probabilities.max(axis=1)[payload.listed]).all()
    counts = np.zeros((4, 4), int)
    counts[tuple(np.reshape(beside["cells"], (-1, 3)).T[:2])] = beside["cells"][2::3]
    assert counts.tolist() == count_confusions(other).tolist()
    assert beside["accuracy"] == summarize(other)["accuracy"]
    assert describe(Evaluated(table)).document["beside"] is None


@given(tables(), st.integers(0, 31))
def test_pictures_beyond_the_limit_are_counted_and_the_most_wanted_are_listed(table, most):
    whole, payload = describe(Evaluated(table)), describe(Evaluated(table), most)
    document = payload.document
    assert counts_in(document).tolist() == count_confusions(table).tolist()
    cells = np.reshape(document["cells"], (-1, 4))
    assert cells[:, 3].sum() == len(document["paths"]) == min(most, len(table))
    for column, labels in ((0, table.true), (1, table.predicted)):
        assert np.repeat(cells[:, column], cells[:, 3]).tolist() == labels[payload.listed].tolist()
    wanted = [whole.document["paths"][position] for position in whole.priority[:most]]
    assert [document["paths"][position] for position in payload.priority] == wanted
    for name, found in document["finds"].items():
        paths = [whole.document["paths"][position] for position in whole.document["finds"][name]]
        assert [document["paths"][position] for position in found] == [path for path in paths if path in wanted]


def test_long_paths_make_the_listed_pictures_fewer(make_table):
    made = make_table(n=20_000)
    paths = tuple(f"{'产品图片' * 25}/{i}.jpg" for i in range(20_000))
    payload = describe(Evaluated(PredictionTable(paths, made.true, made.probabilities, made.classes)))
    assert 10_000 < len(payload.listed) < 20_000
    assert payload.document["pictures"] == 20_000
    assert SPACE * 0.9 < len(to_json(payload.document).encode()) < SPACE * 1.01


def test_the_finds_are_positions_of_the_right_pictures(make_table):
    table = make_table(n=200)
    payload = describe(Evaluated(table))
    wrong = table.predicted[payload.listed] != table.true[payload.listed]
    truth = table.probabilities[payload.listed, table.true[payload.listed]]
    hardest = payload.document["finds"]["hardest"]
    assert hardest
    assert wrong[hardest].all()
    assert (np.diff(truth[hardest]) >= 0).all()
    assert not describe(Evaluated(table, trained_on=True)).document["finds"]["mislabelled"]


@pytest.mark.parametrize("classes", [1, 2])
def test_one_or_two_classes(classes, make_table):
    document = describe(Evaluated(make_table(classes=classes))).document
    assert counts_in(document).sum() == 40


def test_it_is_small_for_200_classes_and_20_000_pictures(make_table):
    document = describe(Evaluated(make_table(classes=200, n=20_000))).document
    assert len(json.dumps(document)) < 3_000_000
