import tracemalloc

import numpy as np
import pytest

from beauty_mlflow.data.safe_tables import read_table
from beauty_mlflow.data.splits.corrections import read_corrections
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators.suspects import CORRECTIONS, FILE, HEADER, evaluate
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.evaluation.suspects import find_mislabelled, find_suspects


@pytest.fixture
def table():
    """Forty pictures of two classes rightly recognized but for one, which is surely of the other; one is torn."""
    rows = np.full((40, 2), 0.05, np.float32)
    true = np.repeat(np.array([0, 1], np.int32), 20)
    rows[np.arange(40), true] = 0.95
    rows[3] = [0.01, 0.99]
    rows[30] = [0.45, 0.55]
    return PredictionTable(tuple(f"{label}/{i}.jpg" for i, label in enumerate(true)), true, rows, ("cat", "dog"))


def test_suspects_have_their_kind_place_and_scores(tmp_path, table):
    evaluate(Evaluated(table), tmp_path)
    header, rows = read_table(tmp_path / FILE)
    assert tuple(header) == HEADER
    first, second = rows
    assert first == ["mislabelled", "1", "0/3.jpg", "cat", "dog", "0.99", "0.01", "0.98", "0.056002", "0.01"]
    assert second[:5] == ["ambiguous", "1", "1/30.jpg", "dog", "dog"]


def test_corrections_propose_the_predicted_class_of_the_mislabelled_alone(tmp_path, table):
    evaluate(Evaluated(table), tmp_path)
    assert read_table(tmp_path / CORRECTIONS) == (
        ["path", "class", "reason"],
        [["0/3.jpg", "dog", "labelled cat (0.010), predicted with 0.990"]],
    )
    assert read_corrections(tmp_path / CORRECTIONS) == {"0/3.jpg": "dog"}


def test_training_pictures_get_no_proposal(tmp_path, table):
    evaluate(Evaluated(table, trained_on=True), tmp_path)
    assert read_corrections(tmp_path / CORRECTIONS) == {}
    assert {row[0] for row in read_table(tmp_path / FILE)[1]} == {"hardest", "ambiguous"}


def test_many_training_pictures_take_little_memory(tmp_path, make_table):
    """Less than one copy of their probabilities, whose float64 would be two."""
    evaluated = Evaluated(make_table(classes=50, n=60_000), trained_on=True)
    tracemalloc.start()
    try:
        evaluate(evaluated, tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(read_table(tmp_path / FILE)[1]) == 200
    assert peak < evaluated.table.probabilities.nbytes


def test_suspects_are_found_once_for_all_evaluators(table):
    evaluated = Evaluated(table)
    assert evaluated.suspects is evaluated.suspects


def test_hostile_names_come_back(tmp_path, make_table, hostile_names):
    table = make_table(classes=hostile_names, n=2000)
    evaluate(Evaluated(table), tmp_path)
    proposed = read_corrections(tmp_path / CORRECTIONS)
    assert proposed == {table.paths[i]: table.classes[table.predicted[i]] for i in find_mislabelled(table)}
    assert len(proposed) > 50
    listed = [row[2] for row in read_table(tmp_path / FILE)[1]]
    assert listed == [table.paths[i] for _, rows in find_suspects(table) for i in rows]


@pytest.fixture
def grouped_table():
    """Sixty pictures of three classes rightly recognized but for two, one surely a cream, one surely a soap."""
    rows = np.full((60, 3), 0.02, np.float32)
    true = np.repeat(np.array([0, 1, 2], np.int32), 20)
    rows[np.arange(60), true] = 0.96
    rows[25] = [0.97, 0.01, 0.02]
    rows[45] = [0.01, 0.98, 0.01]
    names = ("cream", "soap", "tubes")
    return PredictionTable(tuple(f"{names[label]}/{i}.jpg" for i, label in enumerate(true)), true, rows, names)


def test_a_group_of_several_classes_is_proposed_to_nobody(tmp_path, grouped_table):
    """Called like one of them, which would pass for it, or not, which would have the whole file refused; it is said."""
    for made_of in ({"cream": ["cream", "lotion"]}, {"cream": ["balm", "lotion"]}):
        evaluated = Evaluated(grouped_table, made_of={**made_of, "tubes": ["gel", "paste"]})
        evaluate(evaluated, tmp_path)
        assert read_corrections(tmp_path / CORRECTIONS) == {"tubes/45.jpg": "soap"}
        assert ["mislabelled", "soap/25.jpg"] in [[row[0], row[2]] for row in read_table(tmp_path / FILE)[1]]
        (note,) = evaluated.notes
        assert note.startswith(
            "1 of the 2 pictures that are likely mislabelled were taken for groups of several classes"
        )


def test_a_group_of_one_class_is_proposed_as_that_class(tmp_path, grouped_table):
    """As by a grouping that only renames it."""
    evaluated = Evaluated(grouped_table, made_of={"soap": ["bar"]})
    evaluate(evaluated, tmp_path)
    assert read_corrections(tmp_path / CORRECTIONS) == {"tubes/45.jpg": "bar", "soap/25.jpg": "cream"}
    assert evaluated.notes == []
