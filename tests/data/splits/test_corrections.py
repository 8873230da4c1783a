import numpy as np
import pytest

from beauty_mlflow.data.safe_tables import write_table
from beauty_mlflow.data.splits.corrections import COLUMNS, read_corrections
from beauty_mlflow.data.splits.manifest import read_split
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data, write_splitting
from beauty_mlflow.errors import DataError
from beauty_mlflow.progress import silent_progress


def split(data, corrections=None, **options):
    return split_data(data, SplitOptions(corrections=corrections, **options), silent_progress)


def classes_of(splitting):
    return dict(zip(splitting.split.table["path"], splitting.split.table["class"], strict=True))


@pytest.fixture
def data(make_folder):
    return make_folder({"apple": 12, "pear": 12, "plum": 12})


@pytest.fixture
def table(tmp_path):
    """Return a file of corrections with this content."""

    def write(text):
        path = tmp_path / "corrections.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_pictures_get_their_class_or_are_left_out_and_are_counted(data):
    given = {"apple/000.png": "pear", "apple/001.png": "drop", "plum/002.png": "plum"}
    plain, done = split(data), split(data, given)
    expected = classes_of(plain) | {"apple/000.png": "pear"}
    del expected["apple/001.png"]
    assert classes_of(done) == expected
    assert str(done.corrected) == "1 relabelled, 1 dropped, 1 had that class already"
    assert done.split.fingerprint != plain.split.fingerprint


def test_the_manifest_keeps_the_corrections_and_the_same_again_gives_the_same(data, tmp_path):
    given = {"apple/000.png": "pear", "apple/001.png": "drop"}
    for name in ("one", "two"):
        write_splitting(split(data, given), tmp_path / f"{name}.csv")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    again = read_split(tmp_path / "one.csv")
    assert again.options["corrections"] == given
    assert classes_of(split(data, again.options["corrections"])) == classes_of(split(data, given))


def test_without_corrections_the_sidecar_is_what_it_was(data):
    assert "corrections" not in split(data).split.options
    assert split(data).corrected is None


def test_a_file_with_nothing_to_correct_changes_nothing_and_says_so(data, table):
    done = split(data, read_corrections(table("path,class,reason\n")))
    assert done.split.fingerprint == split(data).split.fingerprint
    assert str(done.corrected) == "0 relabelled, 0 dropped"


def test_extending_keeps_parts_and_corrects(data, make_folder, tmp_path):
    write_splitting(split(data), tmp_path / "old.csv")
    old = read_split(tmp_path / "old.csv").table.set_index("path")["part"]
    make_folder({"apple": ["new.png"], "pear": ["new.png"]}, first_seed=1000)
    new = split(data, {"apple/000.png": "pear", "pear/003.png": "drop"}, extend=tmp_path / "old.csv")
    parts = new.split.table.set_index("path")["part"]
    kept = sorted(set(old.index) - {"pear/003.png"})
    assert parts[kept].tolist() == old[kept].tolist()
    assert set(parts.index) - set(old.index) == {"apple/new.png", "pear/new.png"}
    assert "pear/003.png" not in parts
    assert classes_of(new)["apple/000.png"] == "pear"
    assert not [note for note in new.notes if "another class than in the old manifest" in note]


def test_extending_without_the_old_manifests_corrections_is_said(data, tmp_path):
    write_splitting(split(data, {"apple/000.png": "pear", "pear/003.png": "drop"}), tmp_path / "old.csv")
    notes = split(data, {"pear/003.png": "drop"}, extend=tmp_path / "old.csv").notes
    (note,) = [note for note in notes if "corrections" in note]
    assert "1 aren't given now" in note
    assert "apple/000.png" in note
    again = split(data, {"apple/000.png": "pear", "pear/003.png": "drop"}, extend=tmp_path / "old.csv")
    assert not [note for note in again.notes if "corrections" in note]


def test_data_that_is_split_already_is_corrected_too(make_folder):
    counts = {f"{part}/{name}": 3 for part in ("train", "validation", "test") for name in ("a", "b")}
    done = split(make_folder(counts), {"train/a/000.png": "b"})
    row = done.split.table.set_index("path").loc["train/a/000.png"]
    assert (row["class"], row["part"]) == ("b", "train")


def test_a_broken_picture_that_is_dropped_is_no_longer_in_the_way(data):
    (data / "apple" / "000.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"apple/000\.png"):
        split(data, strict=True)
    done = split(data, {"apple/000.png": "drop"}, strict=True)
    assert len(done.quarantine) == 0


def test_what_cannot_even_be_listed_is_no_longer_in_the_way_when_dropped(data):
    (data / "apple" / "link.png").symlink_to("nowhere.png")
    table = data / "table.csv"
    rows = [f"{name}/{number:03d}.png,{name}" for name in ("apple", "pear", "plum") for number in range(12)]
    table.write_text("\n".join(["path,class", *rows, "plum/gone.png,plum"]))
    for given, path in ((data, "apple/link.png"), (table, "plum/gone.png")):
        with pytest.raises(DataError, match=path):
            split(given, strict=True)
        done = split(given, {path: "drop"}, strict=True)
        assert (len(done.quarantine), str(done.corrected)) == (0, "0 relabelled, 1 dropped")


def test_a_class_whose_files_are_gone_is_an_error_until_they_are_dropped(data):
    table = data / "table.csv"
    rows = [f"{name}/{number:03d}.png,{name}" for name in ("apple", "pear") for number in range(12)]
    table.write_text("\n".join(["path,class", *rows, "gone.png,plum"]))
    with pytest.raises(DataError, match="the class 'plum' has no usable picture"):
        split(table)
    done = split(table, {"gone.png": "drop"})
    assert done.split.classes == ("apple", "pear")
    assert [note for note in done.notes if "leave 1 classes without a picture: plum" in note]


def test_a_correction_of_a_file_that_cannot_be_used_is_counted(data):
    (data / "apple" / "link.png").symlink_to("nowhere.png")
    done = split(data, {"apple/link.png": "pear"})
    assert str(done.corrected) == "0 relabelled, 0 dropped, 1 of files that can't be used anyway"


def test_a_class_left_without_pictures_is_said(data):
    done = split(data, {f"plum/{n:03d}.png": "pear" for n in range(12)})
    assert done.split.classes == ("apple", "pear")
    assert [note for note in done.notes if "leave 1 classes without a picture: plum" in note]


def test_a_path_that_names_no_picture_is_an_error_that_names_it(data):
    with pytest.raises(
        DataError, match=r"2 of 3 corrections name no picture.*appel/000\.png, x.*mean 'apple/000\.png'"
    ):
        split(data, {"appel/000.png": "pear", "apple/001.png": "pear", "x": "drop"})
    with pytest.raises(DataError, match=r"mean 'apple/001\.png'"):
        split(data, {"apple/001.pgn": "drop"})


def test_a_class_that_the_data_does_not_have_is_an_error(data):
    with pytest.raises(DataError, match=r"'apple/000\.png'.*'paer', which the data doesn't have\. Did you mean 'pear'"):
        split(data, {"apple/000.png": "paer"})


def test_a_class_called_drop_is_ambiguous(make_folder):
    data = make_folder({"drop": 12, "pear": 12})
    with pytest.raises(DataError, match="class called 'drop'"):
        split(data, {"pear/000.png": "drop"})
    assert split(data, {"drop/000.png": "pear"}).corrected.relabelled == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,class\na,b\nc,d\na,drop\n", "row 3: 'a' comes a second time"),
        ("path,class,reason\na,,because\n", "row 1: the class is empty"),
        ("path,class,reason\n,b,\n", "row 1: the path is empty"),
        ("path,clas\na,b\n", "its columns are path, clas; expected path, class.*mean 'class'"),
        ("path;class;reason\na;b;\n", "separated by commas"),
        ("path,class\na\n", "row 1: 1 values for 2 columns"),
        ("", "is empty"),
        (b"path,class\n\xff,b\n", "isn't UTF-8"),
    ],
)
def test_a_table_that_is_none(table, text, message):
    with pytest.raises(DataError, match=message):
        read_corrections(table(text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="doesn't exist"):
        read_corrections(tmp_path / "none.csv")


def test_what_a_spreadsheet_makes_of_it_is_read(table):
    """A byte order mark, other ends of lines, rows without anything, columns in another order."""
    text = "\ufeffclass,path,reason\r\npear,apple/000.png,\r\n,,\r\ndrop,b,seen\r\n"
    assert read_corrections(table(text)) == {"apple/000.png": "pear", "b": "drop"}


def test_names_that_nobody_should_choose_come_back(tmp_path):
    names = ["=1+1", "'quoted", "a,b", 'say "x"', "new\nline", "-", "@x", "''", " "]
    rows = [[name, names[-i - 1], "why"] for i, name in enumerate(names)]
    write_table(tmp_path / "c.csv", COLUMNS, rows)
    assert read_corrections(tmp_path / "c.csv") == {path: name for path, name, _ in rows}


def test_copies_meet_in_their_right_class(make_folder):
    """A copy in a wrong class makes a warning, until it is corrected."""
    data = make_folder({"apple": 12, "pear": 12})
    copy = (data / "apple" / "000.png").read_bytes()
    (data / "pear" / "copy.png").write_bytes(copy)
    assert [note for note in split(data).notes if "more than one class" in note]
    done = split(data, {"pear/copy.png": "apple"})
    assert not [note for note in done.notes if "more than one class" in note]
    parts = done.split.table.set_index("path")["part"]
    assert parts["pear/copy.png"] == parts["apple/000.png"]
    assert np.count_nonzero(done.split.table["class"] == "apple") == 13
