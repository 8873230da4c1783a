import string

from hypothesis import given
from hypothesis import strategies as st

from beauty_mlflow.data.sources.s3_tree import grow

PARTS = st.sampled_from(["a", "b.jpg", "", ".", "..", "new\nline", "ö", ".git"]) | st.text(string.printable, max_size=5)
KEYS = st.lists(PARTS, min_size=1, max_size=5).map("/".join).filter(bool)


def everything(tree, folder=""):
    for entry in tree.entries(folder):
        if entry.is_dir():
            yield from everything(tree, entry.path)
        else:
            yield entry


@given(st.lists(KEYS, unique=True))
def test_every_key_is_found_once(keys):
    """As a file whose path is the key, or set aside with a reason."""
    found = list(everything(grow((key, 1) for key in keys)))
    good = [entry.path for entry in found if not entry.reason]
    plain = [key for key in keys if not {"", ".", ".."} & set(key.split("/"))]
    assert sorted(good) == sorted(plain)
    assert len(found) == len(keys)


@given(st.lists(KEYS, unique=True))
def test_no_good_path_leads_out(keys):
    """What may be a picture is a path below the folder."""
    tree = grow((key, 1) for key in keys)
    for key in keys:
        if not tree.reason_against(key):
            assert not {"", ".", ".."} & set(key.split("/"))


def test_a_slash_in_front_makes_another_path():
    """It isn't the file of the same name without it."""
    tree = grow([("a", 1), ("a/a", 1), ("/a", 1)])
    assert tree.reason_against("a") == tree.reason_against("a/a") == ""
    assert tree.reason_against("/a") == tree.reason_against("/a/a") == "no such file or directory"


def test_markers_of_folders_are_no_files():
    """Consoles make them, empty and with a slash at the end."""
    tree = grow([("a/", 0), ("a/b/", 0), ("", 0)])
    assert [entry.name for entry in tree.entries("")] == ["a"]
    assert list(everything(tree)) == []
    assert tree.reason_against("a") == "a folder"
    assert tree.reason_against("c") == "no such file or directory"
