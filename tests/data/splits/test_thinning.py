import hashlib
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beauty_mlflow.data.splits.manifest import COLUMNS, Split, read_split, write_split
from beauty_mlflow.data.splits.thinning import thin_split
from beauty_mlflow.errors import ParameterError


def make_split(train, others=2, **options):
    """``train`` holds (class, duplicate group, product) of each training picture."""
    classes = sorted({name for name, _, _ in train})
    rows = [
        (f"{name}/{i}.png", name, "train", _sha(i), group, product) for i, (name, group, product) in enumerate(train)
    ]
    for part in ("val", "test"):
        rows += [
            (f"{name}/{part}{i}.png", name, part, _sha(f"{part}{name}{i}"), "", "")
            for name in classes
            for i in range(others)
        ]
    table = pd.DataFrame(rows, columns=list(COLUMNS), dtype=str).sort_values(["class", "path"], ignore_index=True)
    return Split(Path("/data"), table, tuple(classes), {"seed": 0, "duplicates": "together", **options})


def _sha(text):
    return hashlib.sha256(str(text).encode()).hexdigest()


def plain(**sizes):
    return make_split([(name, "", "") for name, size in sizes.items() for _ in range(size)])


def kept(split):
    return set(split.rows("train")["path"])


def test_every_class_keeps_its_share():
    thin = thin_split(plain(a=100, b=40, c=3), 0.25, 0)
    assert Counter(thin.rows("train")["class"]) == {"a": 25, "b": 10, "c": 1}


def test_the_whole_is_the_split_itself():
    split = plain(a=4, b=4)
    assert thin_split(split, 1.0, 0) is split


def test_another_seed_keeps_others():
    split = plain(a=100)
    assert kept(thin_split(split, 0.2, 0)) != kept(thin_split(split, 0.2, 1))
    assert kept(thin_split(split, 0.2, 0)) == kept(thin_split(split, 0.2, 0))


def test_it_is_a_manifest_like_any_other(tmp_path):
    """Written and read back it is the same, and says how it was made; its fingerprint is its own."""
    split = plain(a=8, b=8)
    thin = thin_split(split, 0.5, 7)
    write_split(thin, tmp_path / "thin.csv")
    read = read_split(tmp_path / "thin.csv", check_pictures=False)
    assert read.fingerprint == thin.fingerprint != split.fingerprint
    assert (read.options["fraction"], read.options["fraction_seed"]) == (0.5, 7)
    assert (read.digest("val"), read.digest("test")) == (split.digest("val"), split.digest("test"))


def test_a_share_of_a_share_says_what_it_is_of_the_whole(tmp_path):
    split = plain(a=80, b=80)
    write_split(thin_split(split, 0.5, 7), tmp_path / "half.csv")
    quarter = thin_split(read_split(tmp_path / "half.csv", check_pictures=False), 0.5, 7)
    assert (quarter.options["fraction"], len(kept(quarter))) == (0.25, 40)


def test_copies_that_the_split_ignores_are_pictures_like_others():
    train = [("a", "g", "")] * 100
    assert len(thin_split(make_split(train, duplicates="ignore"), 0.1, 0).rows("train")) == 10
    assert len(thin_split(make_split(train), 0.1, 0).rows("train")) == 100


@pytest.mark.parametrize("fraction", [0, -0.1, 1.1, float("nan")])
def test_no_share_at_all(fraction):
    with pytest.raises(ParameterError, match="above 0, at most 1"):
        thin_split(plain(a=2), fraction, 0)


pictures = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from(["", "", "", "g", "h", "i"]), st.sampled_from(["", "", "p", "q"])
    ),
    min_size=1,
    max_size=40,
)
fractions = st.floats(0, 1, exclude_min=True)


@given(pictures, fractions, fractions, st.integers(0, 5))
def test_whatever_the_pictures(train, one, other, seed):
    """The smaller is part of the larger; every class stays; what belongs together stays so; val and test are whole."""
    split = make_split(train)
    smaller, larger = (thin_split(split, fraction, seed) for fraction in sorted((one, other)))
    assert kept(smaller) <= kept(larger) <= kept(split)
    assert set(smaller.rows("train")["class"]) == set(split.classes)
    rows = split.rows("train")
    for column in ("duplicate_group", "product"):
        for value in set(rows[column]) - {""}:
            together = set(rows["path"][rows[column] == value])
            assert together <= kept(smaller) or not together & kept(smaller)
    for part in ("val", "test"):
        assert smaller.digest(part) == split.digest(part)


@given(st.integers(1, 60), fractions, st.integers(0, 5))
def test_single_pictures_come_within_one_of_the_share(size, fraction, seed):
    assert (
        abs(len(kept(thin_split(plain(a=size), fraction, seed))) - max(1, fraction * size)) <= 0.5 + 1e-9 or size == 1
    )
