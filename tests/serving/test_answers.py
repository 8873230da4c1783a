import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import softmax

from beauty_mlflow.serving.answers import answer, calibrate

CLASSES = ("a", "b", "c", "d")
probabilities = hnp.arrays(np.float32, (3, 4), elements=st.floats(-20, 20, width=32)).map(
    lambda logits: softmax(logits, axis=1).astype(np.float32)
)


@settings(max_examples=25, deadline=None)
@given(rows=probabilities, temperature=st.floats(0.05, 20))
def test_calibration_keeps_the_order_and_the_sum(rows, temperature):
    calibrated = calibrate(rows, temperature)
    np.testing.assert_allclose(calibrated.sum(axis=1), 1, rtol=1e-5)
    for before, after in zip(rows, calibrated, strict=True):
        assert (np.diff(after[np.argsort(before)]) >= 0).all()


def test_calibration_is_a_softmax_of_divided_logits():
    logits = np.array([[2.0, 1.0, -3.0]])
    calibrated = calibrate(softmax(logits, axis=1).astype(np.float32), 2.5)
    np.testing.assert_allclose(calibrated, softmax(logits / 2.5, axis=1), rtol=1e-5)


def test_calibration_at_temperature_one_changes_no_bit():
    rows = np.array([[0.3, 0.7]], np.float32)
    assert calibrate(rows, 1.0) is rows


def test_calibration_survives_certainty():
    calibrated = calibrate(np.array([[1.0, 0.0]], np.float32), 10.0)
    assert np.isfinite(calibrated).all()
    assert calibrated[0, 0] > calibrated[0, 1] > 0


@pytest.mark.parametrize(("threshold", "abstained"), [(None, False), (0.5, False), (0.51, True)])
def test_an_answer_abstains_below_the_threshold_and_gives_its_guesses_even_so(threshold, abstained):
    row = np.array([0.25, 0.5, 0.125, 0.125], np.float32)
    reply = answer(row, CLASSES, top=3, threshold=threshold, model_version="m")
    assert reply.abstained is abstained
    assert (reply.label, reply.probability) == ("b", 0.5)
    assert [guess["label"] for guess in reply.top] == ["b", "a", "c"]


def test_equal_probabilities_come_in_the_order_of_the_classes():
    reply = answer(np.full(4, 0.25, np.float32), CLASSES, top=9, threshold=None, model_version="")
    assert [guess["label"] for guess in reply.top] == list(CLASSES)


def test_probabilities_that_are_not_finite_are_an_error_and_no_answer():
    reply = answer(np.array([np.nan, 1, 0, 0], np.float32), CLASSES, top=5, threshold=None, model_version="m")
    assert (reply.label, reply.probability, reply.top) == (None, None, [])
    assert "aren't finite" in reply.error
