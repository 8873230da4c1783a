import os

from hypothesis import given
from hypothesis import strategies as st

from beauty_mlflow.data.wording import is_strange, name_some, printable, shown


def test_three_names_and_an_ellipsis():
    assert name_some(["a", "b", "c"]) == "a, b, c"
    assert name_some(["a", "b", "c", "d"]) == "a, b, c, …"


@given(name=st.binary(min_size=1, max_size=8).filter(lambda name: b"\0" not in name))
def test_what_is_shown_of_a_name_can_be_written_down(name):
    """And is the name itself exactly where it is UTF-8."""
    text = os.fsdecode(name)
    assert shown(text).encode()
    assert is_strange(text) == (shown(text) != text)
    assert is_strange(text) == (name.decode("utf-8", "replace").encode() != name)


@given(text=st.text(st.characters(codec=None), max_size=30))
def test_a_terminal_obeys_nothing_that_is_printed(text):
    """Lines and tabs stay as they are, all other control characters are replaced one by one."""
    printed = printable(text)
    assert len(printed) == len(text)
    assert all(sign.isprintable() or ord(sign) > 159 or sign in "\n\t" for sign in printed)
    printed.encode()  # nothing is left that has no UTF-8


def test_a_name_cannot_colour_the_terminal():
    assert printable("a\x1b[31mred\x1b[0m\r\n\tb") == "a\ufffd[31mred\ufffd[0m\ufffd\n\tb"
