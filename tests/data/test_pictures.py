from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beauty_mlflow.data.pictures import Pictures


def pictures_of(keys, folder="data", name="picture"):
    keys = np.array(keys, np.uint64)
    labels = np.arange(len(keys), dtype=np.int32) % 2
    return Pictures(Path(folder), tuple(f"{name}{number}" for number in range(len(keys))), labels, keys, ("a", "b"))


@given(keys=st.lists(st.integers(0, 2**64 - 1), max_size=20), data=st.data())
def test_the_digest_is_that_of_the_set_of_pictures(keys, data):
    """Order, names and classes don't matter; with another picture, or one of them twice, it is another."""
    order = data.draw(st.permutations(keys))
    assert pictures_of(order, "elsewhere", "other").digest == pictures_of(keys).digest
    for another in (7, *keys[:1]):
        assert pictures_of([*keys, another]).digest != pictures_of(keys).digest


def test_the_digest_is_the_same_on_every_machine():
    """It names what is kept on disk: whoever changes it makes all of that anew."""
    assert pictures_of([1, 2**63]).digest == pictures_of([2**63, 1]).digest == "8bfd453c13278f5fe3040b806e4234aa"


@given(keys=st.lists(st.integers(0, 5), max_size=20))
def test_pictures_by_key(keys):
    """Equal ones, which are copies, stay in their order; each number is there once."""
    pictures = pictures_of(keys)
    order = pictures.by_key
    assert sorted(order) == list(range(len(keys)))
    assert pictures.select(order).keys.tolist() == sorted(keys)
    assert pictures.select(order).paths == tuple(pictures.paths[number] for number in order)


@pytest.mark.parametrize("numbers", [[], [2], [3, 0, 3]])
def test_selected_pictures_keep_what_belongs_to_them(numbers):
    """Path, label and key move together; classes stay."""
    pictures = pictures_of([40, 30, 20, 10])
    some = pictures.select(np.array(numbers, np.int64))
    assert some.paths == tuple(f"picture{number}" for number in numbers)
    assert some.labels.tolist() == [number % 2 for number in numbers]
    assert some.keys.tolist() == [40 - 10 * number for number in numbers]
    assert (some.classes, some.folder, len(some)) == (("a", "b"), Path("data"), len(numbers))
