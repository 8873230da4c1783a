import numpy as np
import pytest

from beauty_mlflow.evaluation.comparison.summing import sum_into_groups
from beauty_mlflow.evaluation.metrics import summarize
from beauty_mlflow.evaluation.predictions import PredictionTable


def test_probabilities_are_summed_before_the_answer_is_taken():
    """Two classes of a group can win together although a third one beats each."""
    rows = np.array([[0.3, 0.4, 0.3], [0.1, 0.8, 0.1]], np.float32)
    table = PredictionTable(("x", "y"), np.array([0, 1], np.int32), rows, ("cat", "car", "dog"))
    summed = sum_into_groups(table, {"cat": "animal", "dog": "animal"})
    assert summed.classes == ("animal", "car")
    assert summed.true.tolist() == [0, 1]
    assert summed.probabilities == pytest.approx(np.array([[0.6, 0.4], [0.2, 0.8]]))
    assert summarize(table)["accuracy"] == 0.5
    assert summarize(summed)["accuracy"] == 1.0


def test_without_groups_nothing_changes(make_table):
    table = make_table(5, 30)
    summed = sum_into_groups(table, {})
    assert summed.classes == table.classes
    assert np.array_equal(summed.true, table.true)
    assert summed.probabilities == pytest.approx(table.probabilities)


def test_one_group_of_all_is_always_right(make_table):
    """Rows keep their sum."""
    table = make_table(4, 50)
    summed = sum_into_groups(table, dict.fromkeys(table.classes, "all"))
    assert summarize(summed)["accuracy"] == 1.0
    assert summed.probabilities.sum(axis=1) == pytest.approx(np.ones(50))
