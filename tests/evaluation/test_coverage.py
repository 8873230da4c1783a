import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.evaluation.coverage import coverage_curve
from beauty_mlflow.evaluation.predictions import PredictionTable


def table_of(confidences, right):
    """Return a table of two classes whose answers have these confidences, right or wrong as said."""
    confidences = np.array(confidences, np.float32)
    rows = np.stack([confidences, 1 - confidences], axis=1)
    true = np.array([0 if hit else 1 for hit in right], np.int32)
    return PredictionTable(tuple(map(str, range(len(true)))), true, rows, ("a", "b"))


@pytest.fixture
def curve():
    """Four confidences, of which the second lowest stands for two pictures."""
    return coverage_curve(table_of([0.625, 0.75, 0.75, 0.875, 1.0], [False, True, False, True, True]))


def test_every_confidence_is_a_threshold(curve):
    assert curve.thresholds.tolist() == [0.625, 0.75, 0.875, 1.0]
    assert curve.answered.tolist() == [5, 4, 2, 1]
    assert curve.right.tolist() == [3, 3, 2, 1]
    assert curve.coverage.tolist() == [1, 0.8, 0.4, 0.2]
    assert curve.precision.tolist() == [0.6, 0.75, 1, 1]


@pytest.mark.parametrize(
    ("threshold", "number", "coverage", "precision"),
    [(0.0, 5, 1, 0.6), (0.75, 4, 0.8, 0.75), (0.76, 2, 0.4, 1), (1.0, 1, 0.2, 1)],
)
def test_an_answer_at_the_threshold_is_given(curve, threshold, number, coverage, precision):
    found = curve.at(threshold)
    assert (found.number, found.coverage, found.precision) == (number, coverage, precision)


def test_nothing_answered_has_no_precision():
    found = coverage_curve(table_of([0.625, 0.75], [True, True])).at(0.9)
    assert (found.number, found.coverage, found.precision) == (0, 0, None)


def test_the_smallest_threshold_of_a_precision(curve):
    """Any between the confidences left out and kept does; the middle is farthest from both."""
    assert curve.smallest(0.9) == (0.75 + 0.875) / 2
    assert curve.smallest(0.7) == (0.625 + 0.75) / 2


def test_everything_is_answered_where_that_is_precise_enough(curve):
    assert curve.smallest(0.6) == 0


def test_a_precision_that_no_threshold_reaches():
    """Of the surest two answers one is wrong."""
    curve = coverage_curve(table_of([0.6, 0.9, 0.9], [True, True, False]))
    assert curve.smallest(0.7) is None
    assert (curve.best().number, curve.best().right) == (3, 2)


def test_the_best_answers_as_many_as_it_can(curve):
    assert curve.best().number == 2


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 60), target=st.floats(0.01, 0.99))
def test_the_threshold_keeps_its_promise_with_the_most_answers(make_table, seed, n, target):
    table = make_table(n=n, seed=seed)
    confidence, right = table.probabilities.max(axis=1).astype(float), table.predicted == table.true
    threshold = coverage_curve(table).smallest(target)
    enough = [t for t in {0.0, *confidence} if right[confidence >= t].mean() >= target]
    if threshold is None:
        assert not enough
    else:
        kept = confidence >= threshold
        assert right[kept].mean() >= target
        assert kept.sum() == max((confidence >= t).sum() for t in enough)
        assert coverage_curve(table).at(threshold).number == kept.sum()
