import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from beauty_mlflow.evaluation.metrics import summarize
from beauty_mlflow.evaluation.predictions import PredictionTable


def table_of(true, predicted, classes):
    rows = np.full((len(true), classes), 0.1 / max(1, classes - 1), np.float32)
    rows[np.arange(len(true)), predicted] = 0.9
    names = tuple(map(str, range(classes)))
    return PredictionTable(tuple(map(str, range(len(true)))), np.array(true, np.int32), rows, names)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), classes=st.integers(2, 9), n=st.integers(1, 60))
def test_figures_equal_scikit_learns(make_table, seed, classes, n):
    table = make_table(classes=classes, n=n, seed=seed)
    found = summarize(table)
    present = np.unique(table.true)
    assert found["accuracy"] == metrics.accuracy_score(table.true, table.predicted)
    report = metrics.classification_report(
        table.true, table.predicted, labels=present, output_dict=True, zero_division=0.0
    )
    assert found["balanced_accuracy"] == pytest.approx(report["macro avg"]["recall"])
    assert found["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"])
    assert 0 <= found["accuracy_low"] <= found["accuracy"] <= found["accuracy_high"] <= 1
    assert found["accuracy"] <= found["top5_accuracy"] <= 1
    rows = table.probabilities.astype(np.float64)
    expected = metrics.log_loss(table.true, rows / rows.sum(axis=1, keepdims=True), labels=range(classes))
    assert found["loss"] == pytest.approx(expected)
    if classes > 5:
        near = metrics.top_k_accuracy_score(table.true, table.probabilities, k=5, labels=range(classes))
        assert found["top5_accuracy"] == pytest.approx(near)


def test_the_interval_is_wilsons():
    """81 of 263: the example of Newcombe 1998, method 3 (0.2553 to 0.3662)."""
    found = summarize(table_of([0] * 263, [0] * 81 + [1] * 182, classes=2))
    assert found["accuracy_low"] == pytest.approx(0.2553, abs=5e-5)
    assert found["accuracy_high"] == pytest.approx(0.3662, abs=5e-5)


def test_the_interval_of_a_perfect_score_does_not_pretend_certainty():
    found = summarize(table_of([0, 1, 0, 1], [0, 1, 0, 1], classes=2))
    assert found["accuracy_high"] == 1
    assert found["accuracy_low"] == pytest.approx(0.5101, abs=5e-5)


def test_classes_without_a_picture_count_only_through_the_mistakes():
    """Class 2 has no picture: the mean is of two classes, and the picture taken for class 2 is a miss."""
    found = summarize(table_of([0, 0, 1, 1], [0, 2, 1, 1], classes=3))
    assert found["balanced_accuracy"] == pytest.approx((0.5 + 1) / 2)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)


def test_with_few_classes_the_true_one_is_always_among_the_best_five(make_table):
    assert summarize(make_table(classes=4))["top5_accuracy"] == 1


def test_the_loss_is_keras_own(make_table):
    table = make_table(classes=6)
    truth = np.eye(6, dtype=np.float32)[table.true]
    expected = keras.losses.CategoricalCrossentropy()(truth, table.probabilities)
    assert summarize(table)["loss"] == pytest.approx(float(expected), rel=1e-5)


def test_a_certain_mistake_costs_much_but_not_infinitely_much():
    rows = np.array([[1, 0]], np.float32)
    table = PredictionTable(("a",), np.array([1], np.int32), rows, ("x", "y"))
    assert summarize(table)["loss"] == pytest.approx(-np.log(1e-7))
