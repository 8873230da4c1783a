"""Dimensions of every kind, for what must hold for all of them."""

import optuna
from hypothesis import strategies as st

from beauty_mlflow.search.dimensions import Dimension

WORDS = ("rmsprop", "adam", "sgd", "1", "true")


@st.composite
def ints(draw_one):
    low, step = draw_one(st.integers(-1000, 1000)), draw_one(st.none() | st.integers(1, 20))
    high = low + (step or 1) * draw_one(st.integers(0, 40))
    return Dimension(
        type="int", low=low, high=high, step=step, log=step is None and low > 0 and draw_one(st.booleans())
    )


@st.composite
def floats(draw_one):
    low = draw_one(st.floats(-1e9, 1e9))
    return Dimension(
        type="float", low=low, high=low + draw_one(st.floats(0, 1e9)), log=low > 0 and draw_one(st.booleans())
    )


@st.composite
def stepped_floats(draw_one):
    """Steps as people write them, such as 0.1, which no float holds exactly."""
    digits = 10 ** draw_one(st.integers(0, 6))
    low, step = draw_one(st.integers(-1000, 1000)), draw_one(st.integers(1, 50))
    high = low + step * draw_one(st.integers(0, 60))
    return Dimension(type="float", low=low / digits, high=high / digits, step=step / digits)


def choices():
    values = st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.sampled_from(WORDS)
    return st.lists(values, min_size=1, max_size=5, unique=True).map(lambda some: Dimension(type="choice", values=some))


def a_trial():
    return optuna.create_study(sampler=optuna.samplers.RandomSampler()).ask()
