import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from some_dimensions import a_trial, choices, floats, ints, stepped_floats

from beauty_mlflow.search.dimensions import Dimension
from beauty_mlflow.search.space import draw


@given(dimension=ints() | floats() | stepped_floats() | choices())
def test_every_drawn_value_lies_in_its_dimension(dimension):
    """Of the right type, within the limits, on a step."""
    value = draw(a_trial(), {"x": dimension})["x"]
    if dimension.type == "choice":
        assert value in dimension.values
        return
    assert type(value) is {"int": int, "float": float}[dimension.type]
    assert dimension.low <= value <= dimension.high
    if dimension.step:
        steps = (value - dimension.low) / dimension.step
        assert steps == pytest.approx(round(steps), abs=1e-6)


@given(dimension=ints() | floats() | stepped_floats(), minimum=st.floats(allow_nan=False))
def test_the_least_value_that_is_not_below_a_minimum(dimension, minimum):
    found = list(dimension.least(minimum))
    if minimum > dimension.high:
        assert found == []
        return
    (value,) = found
    dimension.check("x", value)
    assert value >= minimum or value == pytest.approx(minimum)
    if dimension.step or dimension.type == "int":
        before = value - (dimension.step or 1)
        assert before < minimum or before < dimension.low or before == pytest.approx(minimum)
    else:
        assert value == max(minimum, dimension.low)


@given(dimension=ints() | floats() | stepped_floats() | choices())
def test_ends_and_values_between_are_accepted_and_others_refused(dimension):
    for value in dimension.ends():
        dimension.check("start.x", value)
    with pytest.raises(ValueError, match=r"^start\.x is 'nowhere'; expected "):
        dimension.check("start.x", "nowhere")
    if dimension.type == "choice":
        return
    for value in (dimension.high + 1, dimension.low - 1, math.nan, True):
        with pytest.raises(ValueError, match=rf"^start\.x is .*; expected {dimension.type} from "):
            dimension.check("start.x", value)
    if dimension.type == "int":
        with pytest.raises(ValueError, match="expected int from"):
            dimension.check("start.x", dimension.low + 0.5)
    if dimension.step and dimension.low < dimension.high:
        with pytest.raises(ValueError, match="in steps of"):
            dimension.check("start.x", dimension.low + dimension.step / 3)


def test_a_wrong_choice_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"is 'Adma'; expected adam, sgd\. Did you mean 'adam'\?$"):
        Dimension(type="choice", values=["adam", "sgd"]).check("start.optimizer", "Adma")
