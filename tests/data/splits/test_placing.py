import csv
from collections import Counter
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.data.splits.placing import UNPLACED, Placement, quotas, seeded_key, thesis_cut

RATIOS = (0.8, 0.1, 0.1)
bounded = settings(max_examples=25)


def place(classes, units, given_parts=None, seed=0):
    placement = Placement(classes, RATIOS, given_parts or [UNPLACED] * len(classes))
    placement.place(units, [seeded_key(seed, str(row)) for row in range(len(classes))])
    return placement.parts


def singles(count):
    return [[row] for row in range(count)]


def test_the_thesis_cut_gives_the_thesis_counts():
    """58,304 / 7,288 / 7,288 over the 73 classes of its table."""
    table = (files("beauty_mlflow") / "data" / "thesis" / "categories.csv").read_text()
    counts = [int(row["images"]) for row in csv.DictReader(table.splitlines())]
    cuts = [(count, *thesis_cut(count)) for count in counts]
    assert sum(first for _, first, _ in cuts) == 58_304
    assert sum(second - first for _, first, second in cuts) == 7_288
    assert sum(count - second for count, _, second in cuts) == 7_288


@pytest.mark.parametrize(
    ("total", "weights", "minimum", "expected"),
    [
        (30, RATIOS, 1, [24, 3, 3]),
        (3, RATIOS, 1, [1, 1, 1]),
        (2, RATIOS, 1, [2, 0, 0]),
        (14, RATIOS, 1, [11, 2, 1]),
        (5, (0, 0, 0), 0, [5, 0, 0]),
        (0, RATIOS, 1, [0, 0, 0]),
    ],
)
def test_quotas(total, weights, minimum, expected):
    assert quotas(total, weights, minimum=minimum) == expected


@bounded
@given(st.integers(0, 1000), st.lists(st.floats(0.01, 1), min_size=3, max_size=3), st.integers(0, 1))
def test_quotas_divide_everything_and_stay_near_the_exact_share(total, weights, minimum):
    shares = quotas(total, weights, minimum=minimum)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - total * weight / sum(weights)) < 2 + minimum


def test_single_pictures_meet_the_ratios_in_every_class():
    classes = ["a"] * 50 + ["b"] * 30
    parts = place(classes, singles(80))
    assert Counter(zip(classes, parts, strict=True)) == {
        ("a", 0): 40, ("a", 1): 5, ("a", 2): 5, ("b", 0): 24, ("b", 1): 3, ("b", 2): 3,
    }  # fmt: skip


def test_the_seed_decides_who_goes_where_and_the_same_seed_the_same():
    classes = ["a"] * 40
    assert place(classes, singles(40)) == place(classes, singles(40))
    assert place(classes, singles(40)) != place(classes, singles(40), seed=1)


def test_the_order_of_the_units_does_not_matter():
    classes = ["a"] * 20 + ["b"] * 20
    units = [[0, 1], [19, 20], *[[row] for row in range(2, 19)], *[[row] for row in range(21, 40)]]
    assert place(classes, units) == place(classes, units[::-1])


def test_large_units_fill_every_part_too():
    """Three products of ten pictures: one for each part, though the ratios would rather have two in train."""
    assert (
        sorted(place(["a"] * 30, [list(range(start, start + 10)) for start in (0, 10, 20)]))
        == [0] * 10 + [1] * 10 + [2] * 10
    )


@bounded
@given(st.data())
def test_units_never_straddle_given_parts_stay_and_classes_fill_up(data):
    """For classes of at least nine single pictures each, whatever larger units there are beside them."""
    sizes = data.draw(st.lists(st.integers(2, 6), max_size=8))
    classes, units = [], []
    for size in sizes:
        names = data.draw(st.lists(st.sampled_from("abc"), min_size=size, max_size=size))
        units.append(list(range(len(classes), len(classes) + size)))
        classes += names
    for name in "abc":
        units += [[row] for row in range(len(classes), len(classes) + 9)]
        classes += [name] * 9
    old = {row: data.draw(st.integers(0, 2)) for row in range(len(classes), len(classes) + 3)}
    classes += ["a"] * len(old)
    given_parts = [old.get(row, UNPLACED) for row in range(len(classes))]
    parts = place(classes, units, given_parts)
    assert all(len({parts[row] for row in unit}) == 1 for unit in units)
    assert all(parts[row] == part for row, part in old.items())
    assert set(zip(classes, parts, strict=True)) == {(name, part) for name in "abc" for part in range(3)}


def test_new_pictures_bring_the_parts_back_to_the_ratios():
    """Ten old pictures all in test, ninety new ones: none of them goes to test."""
    parts = place(["a"] * 100, [[row] for row in range(10, 100)], [2] * 10 + [UNPLACED] * 90)
    assert Counter(parts) == {0: 80, 1: 10, 2: 10}
