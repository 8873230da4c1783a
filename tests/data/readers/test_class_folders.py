import os

import pytest

from beauty_mlflow.data.readers import list_pictures
from beauty_mlflow.errors import DataError


def rows(listing):
    return [tuple(row) for row in listing.table[["path", "class"]].itertuples(index=False)]


def test_classes_are_the_folders_and_nested_pictures_belong_to_them(make_folder):
    listing = list_pictures(make_folder({"b": ["y.png"], "a": ["x.png", "deep/er/z.png"]}))
    assert rows(listing) == [("a/deep/er/z.png", "a"), ("a/x.png", "a"), ("b/y.png", "b")]
    assert not listing.is_split
    assert listing.notes == []


def test_the_thesis_prefix_and_digits_are_dropped_where_every_folder_has_them(make_folder):
    listing = list_pictures(make_folder({"boxes_Body_Cream_1186": 1, "boxes_Hair_Gel_0042": 1}))
    assert set(listing.table["class"]) == {"Body_Cream", "Hair_Gel"}


def test_the_thesis_prefix_stays_where_one_folder_lacks_it(make_folder):
    listing = list_pictures(make_folder({"boxes_Body_Cream_1186": 1, "Hair_Gel": 1}))
    assert set(listing.table["class"]) == {"boxes_Body_Cream_1186", "Hair_Gel"}


def test_two_folders_of_one_class_are_an_error(make_folder):
    data = make_folder({"boxes_Cream_0001": 1, "boxes_Cream_0002": 1})
    with pytest.raises(DataError, match=r"'boxes_Cream_0001' and 'boxes_Cream_0002' would both become .* 'Cream'"):
        list_pictures(data)


def test_clutter_is_ignored_and_counted(make_folder):
    data = make_folder({"a": ["x.png", ".DS_Store", "._x.png", "Thumbs.db"], "b": 1, ".git": 2, "__MACOSX": 1})
    listing = list_pictures(data)
    assert rows(listing) == [("a/x.png", "a"), ("b/000.png", "b")]
    (note,) = listing.notes
    assert note.startswith(
        "5 hidden or system files and folders were ignored: 1 .DS_Store, 1 ._*, 1 Thumbs.db, 1 __MAC"
    )


def test_loose_files_and_empty_class_folders_are_said(make_folder):
    data = make_folder({"a": 1, "b": 1, "empty": 0})
    for name in ("1.jpg", "2.jpg", "3.jpg", "4.jpg"):
        (data / name).touch()
    assert list_pictures(data).notes == [
        "4 loose files belong to no class and were left out: 1.jpg, 2.jpg, 3.jpg, ….",
        "1 class folders hold no picture and are no classes: empty.",
    ]


def test_what_can_be_no_picture_is_rejected_with_its_reason(make_folder, tmp_path):
    """A FIFO, links to nothing, to themselves, out of the folder, to folders: none hangs, each is named."""
    data = make_folder({"a": 1, "b": 1})
    outside = tmp_path / "outside.png"
    outside.write_bytes(b"secret")
    os.mkfifo(data / "a" / "fifo.jpg")
    (data / "a" / "dangling.png").symlink_to("nowhere")
    (data / "a" / "loop.png").symlink_to("loop.png")
    (data / "a" / "out.png").symlink_to(outside)
    (data / "a" / "up").symlink_to("..")
    (data / "a" / "inside.png").symlink_to("../b/000.png")
    listing = list_pictures(data)
    assert dict(listing.rejected) == {
        "a/fifo.jpg": "not a regular file",
        "a/dangling.png": "a link that leads nowhere",
        "a/loop.png": "a link that leads nowhere",
        "a/out.png": "a link that leads out of the data folder",
        "a/up": "a link to a folder, which isn't followed",
    }
    assert ("a/inside.png", "a") in rows(listing)


def test_names_that_are_not_utf8_are_rejected_and_shown(make_folder):
    data = make_folder({"a": 1, "b": 1})
    (data / "a" / os.fsdecode(b"caf\xe9.png")).touch()
    assert list_pictures(data).rejected == [("a/caf\ufffd.png", "its name isn't UTF-8")]


def test_class_folders_whose_names_are_not_utf8_are_rejected(make_folder):
    data = make_folder({"a": 1, "b": 1})
    (data / os.fsdecode(b"caf\xe9")).mkdir()
    listing = list_pictures(data)
    assert listing.rejected == [("caf\ufffd", "its name isn't UTF-8")]
    assert set(listing.table["class"]) == {"a", "b"}


def test_class_folders_that_are_links_are_rejected(make_folder, tmp_path):
    data = make_folder({"a": 1, "b": 1})
    (data / "c").symlink_to("a")
    (data / "d").symlink_to(tmp_path)
    assert list_pictures(data).rejected == [
        ("c", "a link to a folder, which isn't followed"),
        ("d", "a link that leads out of the data folder"),
    ]


def test_a_folder_that_cannot_be_read_is_an_error(make_folder, monkeypatch):
    """As root nothing is unreadable, so the listing itself says no."""
    data = make_folder({"a": 1, "b": 1})
    scandir = os.scandir

    def refuse(path):
        if str(path) == str(data / "b"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"the folder .*/b can't be read \(Permission denied\)"):
        list_pictures(data)


def test_hostile_but_legal_names_are_listed(make_folder):
    names = [
        "new\nline.png",
        'quo"te,comma.png',
        "-dash.png",
        "$(x).png",
        "caf\u0301e.PNG",
        "x" * 250 + ".png",
    ]
    listing = list_pictures(make_folder({"a": names, "b": 1}))
    assert set(listing.table["path"]) == {f"a/{name}" for name in names} | {"b/000.png"}


def test_a_path_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(DataError, match="nowhere' doesn't exist; expected a folder of class folders"):
        list_pictures(tmp_path / "nowhere")


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match="holds no class folder; expected one sub-folder a class"):
        list_pictures(tmp_path)


def test_a_folder_of_loose_pictures_is_an_error_that_names_them(tmp_path):
    (tmp_path / "x.jpg").touch()
    with pytest.raises(DataError, match=r"holds no class folder but 1 files \(x.jpg\)"):
        list_pictures(tmp_path)


def test_a_fifo_is_an_error(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="is neither a folder nor a file"):
        list_pictures(tmp_path / "pipe")
