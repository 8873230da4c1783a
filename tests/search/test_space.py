import itertools

import optuna
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from some_dimensions import a_trial, choices, ints, stepped_floats

from beauty_mlflow.search.dimensions import Dimension
from beauty_mlflow.search.space import (
    MOST_POINTS,
    differences,
    draw,
    exclude_each_other,
    grid_of,
    ordered,
    requirements,
)


@st.composite
def conditional_spaces(draw_one):
    """Up to five small dimensions in any order, some with conditions on others, which may exclude each other."""
    names = ["a", "b", "c", "d", "e"][: draw_one(st.integers(1, 5))]
    dimensions = {}
    for index, name in enumerate(names):
        others = draw_one(st.lists(st.sampled_from(names[:index]), unique=True, max_size=2)) if index else []
        when = {other: draw_one(st.lists(st.integers(0, 2), min_size=1, unique=True)) for other in others}
        for other in others:
            if draw_one(st.booleans()):
                when[other] = {"min": min(when[other]), "max": max(when[other])}
        kind = draw_one(
            st.sampled_from([{"type": "int", "low": 0, "high": 2}, {"type": "choice", "values": [0, 1, 2]}])
        )
        dimensions[name] = Dimension(**kind, when=when)
    return {name: dimensions[name] for name in draw_one(st.permutations(names))}


def all_draws(space):
    """Every trial that a space of few values allows, found by trying all values of all dimensions."""
    found = set()
    for values in itertools.product(range(3), repeat=len(space)):
        given_values = dict(zip(space, values, strict=True))
        searched = set(space)
        while True:
            kept = {
                name
                for name in searched
                if all(
                    other in searched and condition.holds(given_values[other])
                    for other, condition in space[name].conditions
                )
            }
            if kept == searched:
                break
            searched = kept
        found.add(frozenset((name, given_values[name]) for name in searched))
    return found


@given(space=conditional_spaces(), data=st.data())
def test_conditions_decide_which_parameters_are_given(space, data):
    """Whatever is drawn is one of the trials that trying everything finds, and each of those can be drawn."""
    possible = sorted(all_draws(space), key=sorted)
    assert frozenset(draw(a_trial(), space).items()) in possible

    wanted = data.draw(st.sampled_from(possible))
    study = optuna.create_study()
    study.enqueue_trial(dict(wanted))
    assert frozenset(draw(study.ask(), space).items()) == wanted


@given(space=conditional_spaces())
def test_dimensions_come_after_those_that_their_conditions_name(space):
    order = ordered(space)
    assert sorted(order) == sorted(space)
    assert all(order.index(other) < order.index(name) for name in space for other in space[name].when)


@given(space=conditional_spaces())
def test_a_dimension_is_refused_exactly_where_no_trial_can_have_it(space):
    drawn = {name for one in all_draws(space) for name, _ in one}
    for name in space:
        if name in drawn:
            requirements(space, name)
        else:
            with pytest.raises(ValueError, match=r"^space\.\w is never searched: what it needs of \w excludes itself$"):
                requirements(space, name)


@given(space=conditional_spaces())
def test_dimensions_exclude_each_other_exactly_where_no_trial_has_both(space):
    draws = [{name for name, _ in one} for one in all_draws(space)]
    assume(set.union(*draws) == set(space))
    for one, other in itertools.permutations(space, 2):
        assert exclude_each_other(space, one, other) == (not any({one, other} <= names for names in draws))


def test_a_value_is_given_by_the_job_s_name_for_it():
    """Two dimensions may take turns with one parameter."""
    space = {
        "kind": Dimension(type="choice", values=["small", "large"]),
        "small_rate": Dimension(type="float", low=0, high=1, parameter="rate", when={"kind": ["small"]}),
        "large_rate": Dimension(type="float", low=10, high=20, parameter="rate", when={"kind": ["large"]}),
    }
    seen = {}
    for _ in range(50):
        values = draw(a_trial(), space)
        assert set(values) == {"kind", "rate"}
        seen.setdefault(values["kind"], []).append(values["rate"])
    assert max(seen["small"]) <= 1
    assert min(seen["large"]) >= 10


def test_conditions_that_go_round_in_a_circle_are_refused():
    space = {
        "a": Dimension(type="int", low=0, high=2),
        "b": Dimension(type="int", low=0, high=2, when={"c": [1]}),
        "c": Dimension(type="int", low=0, high=2, when={"b": [1]}),
    }
    with pytest.raises(ValueError, match=r"^the conditions of b, c go round in a circle$"):
        ordered(space)


@given(dimension=ints() | stepped_floats() | choices())
def test_a_grid_holds_every_value_once_as_optuna_knows_it(dimension):
    """From end to end; 0.1 three times is 0.3, not 0.30000000000000004, which Optuna would take for outside."""
    values = grid_of({"x": dimension})["x"]
    distribution = dimension.distribution
    assert all(distribution._contains(distribution.to_internal_repr(value)) for value in values)
    assert len(values) == len(set(values)) == dimension.count()
    for value in values:
        dimension.check("x", value)
    if dimension.type != "choice":
        assert values == sorted(values)
        assert [values[0], values[-1]] == [dimension.low, dimension.high]
        assert all(type(value) is {"int": int, "float": float}[dimension.type] for value in values)


@pytest.mark.parametrize(
    ("space", "reason"),
    [
        (
            {"rate": Dimension(type="float", low=0, high=1)},
            "space.rate is a float without steps, which no grid can go through; expected step or a choice",
        ),
        (
            {
                "blocks": Dimension(type="int", low=0, high=9),
                "rate": Dimension(type="choice", values=[1], when={"blocks": [1]}),
            },
            "space.rate has a condition, which no grid can follow; expected another sampler",
        ),
        (
            {"seed": Dimension(type="int", low=0, high=2**31 - 1)},
            "the grid has 2.14748e+09 points; expected at most 10000: larger steps, or another sampler",
        ),
    ],
)
def test_a_space_without_a_grid_says_why(space, reason):
    """Also where its points would fill the memory."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        grid_of(space)
    assert str(caught.value) == reason


def test_the_largest_grid():
    assert len(grid_of({"x": Dimension(type="int", low=1, high=MOST_POINTS)})["x"]) == MOST_POINTS


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({"a": {"low": 1, "high": 2}}, {"a": {"low": 1, "high": 2}}, []),
        ({"a": {"low": 1, "high": 2}}, {"a": {"low": 1, "high": 3}}, ["a.high was 2, now 3"]),
        ({"a": {"low": 1}}, {}, ["a was {'low': 1}, now absent"]),
        ({}, {"a": 1, "b": "x"}, ["a was absent, now 1", "b was absent, now 'x'"]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": [1]}}}, ["a.b.c was 1, now [1]"]),
    ],
)
def test_differences_in_words(before, now, words):
    assert differences(before, now) == words
