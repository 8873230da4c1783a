import errno
from pathlib import Path

import pytest

from beauty_mlflow.data.splits.manifest import Split
from beauty_mlflow.data.splits.materialize import materialize
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data
from beauty_mlflow.errors import DataError, ParameterError
from beauty_mlflow.progress import silent_progress


@pytest.fixture
def split(make_folder):
    data = make_folder({"a": ["x.png", "deep/x.png", "deeper/X.png", "x-1.png", "y.png"], "b": 5})
    return split_data(data, SplitOptions(), silent_progress).split


def contents(folder):
    return sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("how", ["link", "copy"])
def test_every_picture_is_in_its_part_and_class(split, tmp_path, how):
    out = tmp_path / "trees"
    materialize(split, out, how)
    assert sorted(path.name for path in out.iterdir()) == ["test", "train", "validation"]
    for part, folder in (("train", "train"), ("val", "validation"), ("test", "test")):
        for name in split.classes:
            rows = split.table[(split.table["part"] == part) & (split.table["class"] == name)]
            wanted = sorted((split.folder / path).read_bytes() for path in rows["path"])
            assert contents(out / folder / name) == wanted
    assert {path.stat().st_nlink for path in out.rglob("*.png")} == {2 if how == "link" else 1}
    assert not any(path.is_symlink() for path in out.rglob("*"))


@pytest.mark.parametrize("how", ["link", "copy"])
def test_what_was_made_can_be_split_again(split, tmp_path, how):
    assert materialize(split, tmp_path / "out", how) == []
    again = split_data(tmp_path / "out", SplitOptions(), silent_progress)
    assert again.split.fingerprint == split.fingerprint
    assert again.quarantine.empty


def test_links_are_symbolic_where_hard_ones_cannot_be(split, tmp_path, monkeypatch):
    """As between two file systems; and it is said what that means."""

    def refuse(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    (note,) = materialize(split, tmp_path / "out", "link")
    assert all(path.is_symlink() for path in (tmp_path / "out").rglob("*.png"))
    assert contents(tmp_path / "out") == contents(split.folder)
    assert "so 10 links are symbolic. They lead out of their folder" in note


def test_pictures_of_one_name_are_numbered_without_loss(split, tmp_path):
    everything = split.table.assign(part="train")
    materialize(Split(split.folder, everything, split.classes, {}), tmp_path / "out", "copy")
    names = sorted(path.name for path in (tmp_path / "out" / "train" / "a").iterdir())
    assert len({name.casefold() for name in names}) == 5
    assert contents(tmp_path / "out" / "train") == contents(split.folder)


def test_a_relative_data_folder_gives_links_that_work(split, tmp_path, monkeypatch):
    monkeypatch.chdir(split.folder.parent)
    relative = Split(Path(split.folder.name), split.table, split.classes, {})
    materialize(relative, tmp_path / "sub" / "out", "link")
    assert len(contents(tmp_path / "sub" / "out")) == 10


def test_an_empty_folder_is_filled_and_any_other_left_alone(split, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    materialize(split, out, "copy")
    with pytest.raises(DataError, match="exists already; expected a new or empty folder"):
        materialize(split, out, "copy")


def test_a_missing_picture_leaves_nothing_behind(split, tmp_path):
    (split.folder / "b" / "000.png").unlink()
    before = sorted(tmp_path.iterdir())
    for how in ("link", "copy"):
        with pytest.raises(DataError, match=r"the picture 'b/000.png' can't be used \(No such file"):
            materialize(split, tmp_path / "out", how)
    assert sorted(tmp_path.iterdir()) == before


def test_class_names_that_are_no_folder_names_are_an_error(split, tmp_path):
    table = split.table.assign(**{"class": split.table["class"].replace({"a": "a/../.."})})
    with pytest.raises(DataError, match=r"the class 'a/\.\./\.\.' can't be the name of a folder"):
        materialize(Split(split.folder, table, ("a/../..", "b"), {}), tmp_path / "out", "copy")


def test_another_way_is_an_error(split, tmp_path):
    with pytest.raises(ParameterError, match="materialize is 'move'; expected one of link, copy"):
        materialize(split, tmp_path / "out", "move")
