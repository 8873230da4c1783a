import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.evaluation.reliability import bin_by_confidence, expected_calibration_error


def table_of(confidences, right):
    """Return a table of two classes whose answers have these confidences, right or wrong as said."""
    confidences = np.array(confidences, np.float32)
    rows = np.stack([confidences, 1 - confidences], axis=1)
    true = np.array([0 if hit else 1 for hit in right], np.int32)
    return PredictionTable(tuple(map(str, range(len(true)))), true, rows, ("a", "b"))


def test_the_error_is_the_weighted_gap_of_confidence_and_accuracy():
    """Two answers of 0.9 with one right are 0.4 off; three of 0.6 with two right 0.0667: 0.4 * 2/5 + 0.0667 * 3/5."""
    table = table_of([0.9, 0.9, 0.6, 0.6, 0.6], [True, False, True, True, False])
    assert expected_calibration_error(table) == pytest.approx(0.4 * 2 / 5 + (2 / 3 - 0.6) * 3 / 5, abs=1e-6)


def test_gaps_within_a_bin_cancel_and_those_between_bins_do_not():
    within = table_of([0.96, 0.98], [True, False])
    assert expected_calibration_error(within) == pytest.approx(0.47, abs=1e-6)
    between = table_of([0.75, 0.95], [True, False])
    assert expected_calibration_error(between) == pytest.approx((0.25 + 0.95) / 2, abs=1e-6)


def test_bins_hold_their_upper_edge():
    """Each of (0, 1/2] and (1/2, 1] has its own; 0.5 belongs to the lower, 1 to the upper."""
    found = bin_by_confidence(table_of([0.5, 0.75, 1.0], [True, True, False]), bins=2)
    assert found.pictures.tolist() == [1, 2]
    assert found.confidence.tolist() == [0.5, 0.875]
    assert found.accuracy.tolist() == [1.0, 0.5]


def test_rounding_above_one_stays_in_the_last_bin():
    """Half precision gives rows whose sum, and largest, is a little above 1."""
    rows = np.array([[1.001, 0.0]], np.float32)
    assert bin_by_confidence(PredictionTable(("a",), np.zeros(1, np.int32), rows, ("x", "y"))).pictures[-1] == 1


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), classes=st.integers(2, 9), n=st.integers(1, 60))
def test_it_is_the_definition(make_table, seed, classes, n):
    """Every picture is in one bin; the error is Guo's sum, computed bin by bin."""
    table = make_table(classes=classes, n=n, seed=seed)
    assert bin_by_confidence(table).pictures.sum() == n
    confidence, right = table.probabilities.max(axis=1).astype(float), table.predicted == table.true
    expected = 0.0
    for low in np.arange(15) / 15:
        chosen = (confidence > low) & (confidence <= low + 1 / 15)
        if chosen.any():
            expected += chosen.sum() / n * abs(right[chosen].mean() - confidence[chosen].mean())
    assert expected_calibration_error(table) == pytest.approx(expected, abs=1e-9)
    assert 0 <= expected <= 1
