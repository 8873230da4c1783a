import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import softmax

from beauty_mlflow.serving.calibration import calibrate, fit_temperature

probabilities = hnp.arrays(np.float32, (3, 4), elements=st.floats(-20, 20, width=32)).map(
    lambda logits: softmax(logits, axis=1).astype(np.float32)
)


@settings(max_examples=25)
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


def drawn_from(logits, seed=0):
    """Return probabilities, and labels that come up as often as those say."""
    rows = softmax(logits, axis=1)
    chosen = np.random.default_rng(seed).random((len(rows), 1)) > rows.cumsum(axis=1)
    return rows.astype(np.float32), np.minimum(chosen.sum(axis=1), rows.shape[1] - 1).astype(np.int32)


def log_likelihood(rows, true):
    return np.log(np.maximum(rows[np.arange(len(true)), true], 1e-300).astype(np.float64)).sum()


@settings(max_examples=25)
@given(known=st.floats(0.2, 5), classes=st.integers(2, 30), seed=st.integers(0, 1000))
def test_a_known_temperature_is_found_again(known, classes, seed):
    """Probabilities that were right and have been sharpened, or softened, by so much get it back."""
    logits = np.random.default_rng(seed).normal(0, 1.5, (4000, classes))
    rows, true = drawn_from(logits, seed)
    assert fit_temperature(calibrate(rows, 1 / known), true) == pytest.approx(known, rel=0.2)


@settings(max_examples=50)
@given(
    data=st.integers(1, 12).flatmap(
        lambda n: st.tuples(
            hnp.arrays(np.float32, (n, 3), elements=st.floats(-40, 40, width=32)),
            hnp.arrays(np.int32, n, elements=st.integers(0, 2)),
        )
    )
)
def test_the_likelihood_is_never_lower_and_the_prediction_the_same(data):
    logits, true = data
    rows = softmax(logits, axis=1).astype(np.float32)
    temperature = fit_temperature(rows, true)
    calibrated = calibrate(rows, temperature)
    assert 0.05 <= temperature <= 20
    floor = np.finfo(np.float32).tiny
    assert log_likelihood(calibrated, true) >= log_likelihood(np.maximum(rows, floor), true) - 1e-4
    chosen = rows.argmax(axis=1)
    assert (calibrated[np.arange(len(rows)), chosen] == calibrated.max(axis=1)).all()


@pytest.mark.parametrize("pictures", [1, 10, 1000])
def test_where_every_answer_is_right_it_sharpens_but_not_to_certainty(pictures):
    """The likelihood alone would make the temperature 0; the more pictures say so, the surer it may get."""
    rows = np.tile(np.array([[0.8, 0.1, 0.1]], np.float32), (pictures, 1))
    temperature = fit_temperature(rows, np.zeros(pictures, np.int32))
    assert 0.2 < temperature < 1
    assert 0.8 < calibrate(rows, temperature)[0, 0] < 1 - 0.01 / pictures


def test_the_surer_the_more_pictures_say_so():
    row = np.array([[0.8, 0.1, 0.1]], np.float32)
    found = [fit_temperature(np.tile(row, (n, 1)), np.zeros(n, np.int32)) for n in (1, 10, 100, 1000)]
    assert found == sorted(found, reverse=True)


def test_a_few_pictures_hardly_move_it():
    """One wrong answer of three would ask for much."""
    rows = np.tile(np.array([[0.99, 0.01]], np.float32), (3, 1))
    assert 1 < fit_temperature(rows, np.array([0, 0, 1], np.int32)) < 5


def test_a_network_that_knows_nothing_keeps_its_temperature():
    rows = np.full((50, 4), 0.25, np.float32)
    assert fit_temperature(rows, np.arange(50, dtype=np.int32) % 4) == 1


def test_certain_mistakes_are_softened_as_far_as_it_goes():
    rows = np.tile(np.array([[1, 0]], np.float32), (100, 1))
    assert fit_temperature(rows, np.ones(100, np.int32)) == pytest.approx(20, rel=1e-3)


def test_answers_are_calibrated_without_scipy():
    """It isn't among the requirements of a logged model, whose code this is."""
    script = """if True:
        import sys
        import numpy as np
        sys.modules["scipy"] = None
        from beauty_mlflow.serving.calibration import calibrate
        print(calibrate(np.array([[0.8, 0.2]], np.float32), 0.5))
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "0.941" in done.stdout
