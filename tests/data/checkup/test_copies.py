"""Copies across classes and parts, held against a plain search of all pairs."""

import itertools

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.data.checkup.copies import copy_findings, product_findings
from beauty_mlflow.data.duplicates.inspecting import Inspection

FILES = "abcdef"
# thumbnails of one grey each: a, b and c are near one another in a chain, d and e are near, f is alone
GREYS = {"a": 10, "b": 25, "c": 40, "d": 100, "e": 110, "f": 200}
NEAR = 20

rows = st.lists(
    st.tuples(st.sampled_from(FILES), st.sampled_from("xyz"), st.sampled_from(["train", "test", ""]), st.booleans()),
    max_size=14,
)


def tables(pictures):
    files = [file for file, *_ in pictures]
    greys = np.array([GREYS[file] for file in files], np.uint8).reshape(-1, 1, 1, 1)
    thumbnails = np.broadcast_to(greys, (len(files), 16, 16, 3)).copy()
    hashes = np.zeros((len(files), 2), np.uint64)
    seen = Inspection([""] * len(files), files, hashes, thumbnails, np.zeros(len(files), np.dtype([])))
    table = pd.DataFrame(
        {
            "class": [name for _, name, *_ in pictures],
            "part": [part for *_, part, _ in pictures],
            "product": "",
            "sha256": files,
        },
        dtype=str,
    )
    return table, seen, np.array([blank for *_, blank in pictures], bool)


def expected(pictures):
    """Which pairs (row, other) each finding may name."""
    found = {}
    for (left, one), (right, two) in itertools.permutations(enumerate(pictures), 2):
        if one[3] or two[3]:
            continue
        distance = abs(GREYS[one[0]] - GREYS[two[0]])
        how = "exact" if one[0] == two[0] else "near" if distance <= NEAR else ""
        if how:
            found.setdefault(f"{how}_copy", {}).setdefault(left, {})[right] = distance
            if one[1] != two[1]:
                found.setdefault(f"{how}_other_class", {}).setdefault(left, {})[right] = distance
            if one[2] and two[2] and one[2] != two[2]:
                found.setdefault(f"{how}_other_part", {}).setdefault(left, {})[right] = distance
    return found


@settings(max_examples=300)
@given(pictures=rows)
def test_finds_what_a_search_of_all_pairs_finds_and_names_one_that_is_nearest(pictures):
    found = {each.kind.name: each for each in copy_findings(*tables(pictures), NEAR) if len(each)}
    wanted = expected(pictures)
    assert {name: sorted(each.rows) for name, each in found.items()} == {
        name: sorted(of) for name, of in wanted.items()
    }
    for name, each in found.items():
        for row, value, other in zip(each.rows, each.measured, each.others, strict=True):
            distances = wanted[name][row]
            assert other in distances
            if name.startswith("near"):
                assert value == distances[other] == min(distances.values())


@settings(max_examples=100)
@given(pictures=st.lists(st.tuples(st.sampled_from(["", "p", "q"]), st.sampled_from(["train", "test", ""]))))
def test_finds_every_product_that_stands_in_several_parts(pictures):
    table = pd.DataFrame(pictures, columns=["product", "part"], dtype=str)
    found = product_findings(table)
    crossing = {
        row
        for row, (product, part) in enumerate(pictures)
        if product and part and any(product == p and q and q != part for p, q in pictures)
    }
    assert set(found.rows.tolist()) == crossing
    assert all(
        table["product"][row] == table["product"][other] for row, other in zip(found.rows, found.others, strict=True)
    )
    assert all(table["part"][row] != table["part"][other] for row, other in zip(found.rows, found.others, strict=True))


def test_an_exact_copy_says_how_many_there_are():
    (found,) = [each for each in copy_findings(*tables([("f", "x", "", False)] * 3), NEAR) if len(each)]
    assert found.measured.tolist() == [3, 3, 3]
    assert found.others.tolist() == [1, 0, 0]


def test_a_hundred_thousand_files_with_the_same_bytes_take_no_time_to_speak_of():
    pictures = [("a", "xyz"[row % 3], "train", False) for row in range(100_000)]
    table, seen, blank = tables(pictures)
    found = {each.kind.name: len(each) for each in copy_findings(table, seen, blank, NEAR)}
    assert found["exact_copy"] == found["exact_other_class"] == 100_000
