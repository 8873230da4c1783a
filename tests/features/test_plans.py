import pytest

from beauty_mlflow.features.plans import Choice, Plan, Training, listed, time_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.6, "1 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2.0 h"), (90_000, "25.0 h")],
)
def test_durations_have_units_that_suit_them(seconds, text):
    """Seconds, minutes or hours."""
    assert time_text(seconds) == text


@pytest.mark.parametrize(
    ("names", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")], ids=len
)
def test_names_are_listed_as_one_says_them(names, text):
    """One, two or three."""
    assert listed(names) == text


def test_what_is_filled_and_what_is_there_are_said_apart():
    """The totals count a training as often as it is made; one that begins at its limit needs no words."""
    twice = Choice(Training("blocks=0", "pooled", times=2), "pooled", seconds=5, plain_seconds=100)
    once = Choice(Training("blocks=1", "mixed9"), "mixed8", seconds=60, plain_seconds=100, reason="there is a reason")
    plan = Plan(("mixed8",), ("pooled",), new_bytes=2_000_000, extract_seconds=30, views=1, choices=(twice, once))
    assert (plan.seconds, plan.plain_seconds) == (100, 300)
    assert plan.lines() == [
        "The activation cache gets mixed8 for 1 view of each picture: 2 MB, filled in one pass of about 30 s.",
        "The activation cache has pooled already.",
        "That saves about 3 min of 5 min, the pass included.",
        "blocks=1: from mixed8 (there is a reason).",
    ]
    assert twice.line == "blocks=0: from pooled."
