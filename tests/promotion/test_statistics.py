import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.metrics import f1_score

from beauty_mlflow.promotion.statistics import POWER, detectable_gain, holm, macro_f1_interval, mcnemar, one_sided_loss


def test_mcnemar_is_the_sum_of_the_binomials_tails():
    """Of ten differing pictures, two against eight: 2 * P(X <= 2)."""
    assert mcnemar(2, 8) == pytest.approx(2 * binom.cdf(2, 10, 0.5))
    assert mcnemar(8, 2) == mcnemar(2, 8)
    assert mcnemar(0, 0) == mcnemar(3, 3) == 1


def test_a_loss_is_looked_at_from_one_side():
    """So many losses or more; gains make it no smaller than one half."""
    assert one_sided_loss(1, 9) == pytest.approx(1 - binom.cdf(8, 10, 0.5))
    assert one_sided_loss(9, 1) > 0.5
    assert one_sided_loss(0, 0) == 1


def test_holm_as_in_a_textbook():
    """0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02."""
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8))
def test_holm_keeps_the_order_and_lowers_nothing(values):
    """Corrected values lie between the value itself and one, in the same order."""
    found = holm(values)
    assert all(values[name] <= found[name] <= 1 for name in values)
    ordered = sorted(values, key=lambda name: values[name])
    assert [found[name] for name in ordered] == sorted(found.values())


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_change_in_macro_f1_is_scikit_learns(count, seed):
    """Over the classes that have a picture, answers outside of them included."""
    generator = np.random.default_rng(seed)
    true, one, other = generator.integers(0, 4, count), *generator.integers(-1, 4, (2, count))
    change, low, high = macro_f1_interval(true, one, other, confidence=0.95, resamples=20)
    present = np.unique(true)
    expected = [f1_score(true, answers, labels=present, average="macro", zero_division=0.0) for answers in (one, other)]
    assert change == pytest.approx(expected[1] - expected[0])
    assert low <= high


def test_the_interval_says_what_is_sure():
    """Nothing changed: no width. Ten pictures mended of 200: above nought. The same pictures, the same interval."""
    true = np.arange(200) % 4
    before = np.where(np.arange(200) < 20, (true + 1) % 4, true)
    after = np.where(np.arange(200) < 10, (true + 1) % 4, true)
    assert macro_f1_interval(true, before, before, confidence=0.95) == (0, 0, 0)
    change, low, high = macro_f1_interval(true, before, after, confidence=0.95)
    assert 0 < low < change < high
    assert macro_f1_interval(true, before, after, confidence=0.95) == (change, low, high)


def test_the_detectable_gain_is_found_four_times_out_of_five():
    """Draw models that differ so much, and count how often the test says so."""
    pictures, differing = 2000, 300
    gain = detectable_gain(pictures, differing, 0.05)
    generator = np.random.default_rng(1)
    share = differing / pictures
    gained, lost, _ = generator.multinomial(pictures, [(share + gain) / 2, (share - gain) / 2, 1 - share], 1000).T
    found = np.mean([mcnemar(int(a), int(b)) < 0.05 for a, b in zip(gained, lost, strict=True)])
    assert found == pytest.approx(POWER, abs=0.04)


@pytest.mark.parametrize("differing", [0, 1, 3])
def test_too_few_differing_pictures_show_nothing(differing):
    """Even if the candidate had all of them right."""
    assert math.isnan(detectable_gain(1000, differing, 0.05))
