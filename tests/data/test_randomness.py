"""The counter-based generator."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.data.randomness import random_bits, random_order, random_uniform

keys_of_pictures = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20)
counters = st.integers(-(2**70), 2**70)


def test_known_values_never_change():
    """A run that is resumed with a newer version must see the same pictures."""
    bits = random_bits(np.array([0, 1, 2**64 - 1], np.uint64), 7, 3, 2)
    assert bits.tolist() == [16267959225746627177, 10990573372337054096, 3635590322204002964]
    assert random_order(8, 5, 1).tolist() == [7, 6, 3, 5, 4, 0, 1, 2]


@settings(max_examples=25)
@given(keys=keys_of_pictures, seed=counters, view=counters)
def test_each_number_depends_on_its_own_key_only(keys, seed, view):
    together = random_uniform(np.array(keys, np.uint64), seed, view)
    alone = [random_uniform(np.array([key], np.uint64), seed, view)[0] for key in keys]
    assert together.tolist() == alone
    assert all(0 <= number < 1 for number in together)


@settings(max_examples=25)
@given(count=st.integers(0, 200), seed=counters, view=counters)
def test_an_order_holds_every_position_once(count, seed, view):
    assert sorted(random_order(count, seed, view)) == list(range(count))


def test_numbers_are_uniform_and_independent_of_neighbouring_keys_and_counters():
    """200,000 numbers: their mean, variance and correlations lie within five standard errors."""
    keys = np.arange(200_000, dtype=np.uint64)
    first, other_seed, other_view = (random_uniform(keys, *each) for each in ((0, 0), (1, 0), (0, 1)))
    assert abs(first.mean() - 0.5) < 0.0033
    assert abs(first.var() - 1 / 12) < 0.001
    for other in (other_seed, other_view, np.roll(first, 1)):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.011
