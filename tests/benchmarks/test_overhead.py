"""Overhead: what isn't within its limits is said, and what has none isn't."""

import pytest


def stores(first=0.001, tracking=0.0005, model=0.3):
    return {"server": {"first": {"share": first}, "tracking": {"share": tracking}, "model": {"beyond": seconds(model)}}}


def seconds(median):
    return {"median": median}


@pytest.mark.parametrize(
    ("start", "measured", "wrong"),
    [
        ({"beauty --help": seconds(0.29)}, stores(0.0099, 0.0099, 0.99), []),
        (
            {"beauty --help": seconds(0.31)},
            stores(),
            ["beauty --help: starts 0.31 s after Python; expected at most 0.3"],
        ),
        ({"(importing MLflow, for runs)": seconds(1.8)}, stores(), []),
        ({}, stores(first=0.02), ["server, first: takes 2.00% of a run; expected at most 1%"]),
        ({}, stores(tracking=0.011), ["server, tracking: takes 1.10% of a run; expected at most 1%"]),
        ({}, stores(model=1.2), ["server, model: logged 1.20 s beyond its upload; expected at most 1"]),
    ],
)
def test_what_is_not_within_its_limit_is_said(start, measured, wrong):
    import overhead

    assert overhead.beyond(start, measured) == wrong
