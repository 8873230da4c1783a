import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.errors import TrackingError
from beauty_mlflow.tracking.values import check_metrics, new_parameters

bounded = settings(max_examples=25)


@bounded
@given(st.text(max_size=50))
def test_a_value_quoted_for_the_shell_is_the_same_value(value):
    """`mlflow run` stores each parameter as it stands in the command line."""
    assert new_parameters({"data": value}, {"data": shlex.quote(value)}) == {}


@bounded
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_written_otherwise_is_the_same_value(number):
    assert new_parameters({"rate": str(number)}, {"rate": f"{number:.17e}"}) == {}


@bounded
@given(st.text("abc'\" ", max_size=6), st.text("abc'\" ", max_size=6))
def test_only_the_same_value_passes(stored, value):
    if stored in (value, shlex.quote(value)):
        assert new_parameters({"data": value}, {"data": stored}) == {}
    else:
        with pytest.raises(TrackingError, match=r"data=.* can't become"):
            new_parameters({"data": value}, {"data": stored})


def test_whole_numbers_become_floats():
    values = check_metrics({"best_epoch": 3})
    assert values == {"best_epoch": 3.0}
    assert isinstance(values["best_epoch"], float)
