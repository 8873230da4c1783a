import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beauty_mlflow.cache.keys import Key, Rows

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
UNHURRIED = settings(suppress_health_check=[HealthCheck.too_slow])
CONTENTS = st.dictionaries(
    st.text(),
    st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8),
)


def same(one, other):
    """Whether two JSON values are the same, 1, 1.0 and true being different."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


def test_a_name_stays_what_it_is():
    """The name is the kind and 128 bits over the content; if this changes, everybody's cache is lost."""
    key = Key("activations", {"network": "tiny", "boundary": "pooled", "view": 3, "parts": ["train", "val"]})
    assert key.name == "activations-869c9ab79a7887603679d4367e77cf77"


@UNHURRIED
@given(CONTENTS, CONTENTS)
def test_keys_are_equal_exactly_if_their_contents_are(one, other):
    """Any difference in the content, however small, is another entry; the order of names is none."""
    assert (Key("head", one) == Key("head", other)) == same(one, other)
    shuffled = dict(reversed(one.items()))
    assert Key("head", shuffled) == Key("head", one)
    assert hash(Key("head", shuffled)) == hash(Key("head", one))


@UNHURRIED
@given(CONTENTS, st.data())
def test_one_changed_value_changes_the_name(content, data):
    """Changing a single value of the content gives another name."""
    content = {**content, "seed": 1}
    name = data.draw(st.sampled_from(sorted(content)))
    value = data.draw(SCALARS.filter(lambda value: not same(value, content[name])))
    assert Key("head", content).name != Key("head", {**content, name: value}).name


def test_the_kind_is_part_of_the_name():
    """The same content as another kind is another entry."""
    assert Key("head", {}).name.split("-")[1] != Key("costs", {}).name.split("-")[1]


def test_a_key_keeps_its_own_copy():
    """What the caller does with its mapping afterwards doesn't change the key."""
    content = {"classes": ["a"]}
    key = Key("head", content)
    content["classes"].append("b")
    assert key == Key("head", {"classes": ("a",)})


@pytest.mark.parametrize(
    "content", [{"x": float("nan")}, {"x": np.float32(1)}, {1: "x"}, {"x": {2: "y"}}, {"x": {1, 2}}, {"x": b"bytes"}]
)
def test_content_that_is_no_json_is_refused(content):
    """What JSON can't tell apart, or can't hold, can't be a key."""
    with pytest.raises(ValueError, match="a key's content must be JSON"):
        Key("head", content)


def test_an_unknown_kind_is_refused():
    """The kinds are listed in one place."""
    with pytest.raises(ValueError, match="'heads' is no kind of entry; expected one of pictures, activations"):
        Key("heads", {})


def test_rows_know_their_size():
    """Bytes a row and in all; equal however the type is written."""
    rows = Rows(10, (35, 35, 288), "float16")
    assert rows.row_bytes == 35 * 35 * 288 * 2
    assert rows.nbytes == 10 * rows.row_bytes
    assert rows == Rows(10, [35, np.int64(35), 288], np.float16)


@pytest.mark.parametrize(("count", "shape", "dtype"), [(-1, (1,), "f2"), (1, (0,), "f2"), (1, (1,), "O")])
def test_rows_that_cannot_be_stored_are_refused(count, shape, dtype):
    """No negative count, no empty row, no objects."""
    with pytest.raises(ValueError, match="can't be stored"):
        Rows(count, shape, dtype)
