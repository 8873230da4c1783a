import os

import pytest

from beauty_mlflow.data.readers.unlabelled import list_unlabelled
from beauty_mlflow.data.splits.manifest import read_split, write_split
from beauty_mlflow.data.splits.splitting import SplitOptions, open_data, split_data
from beauty_mlflow.errors import DataError, ManifestError, ParameterError
from beauty_mlflow.progress import silent_progress


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_a_folder_at_any_depth(tmp_path):
    """Sorted; what the system put there is counted, what can't be a picture has its reason."""
    touch(tmp_path, "b.jpg", "a/deep/1, 2.png", "a/notes.txt", ".DS_Store", ".hidden/c.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    (tmp_path / os.fsdecode(b"bad\xff.jpg")).write_bytes(b"x")
    found = list_unlabelled(tmp_path)
    assert found.paths == ["a/deep/1, 2.png", "a/notes.txt", "b.jpg"]
    assert found.rejected == [
        ("bad\ufffd.jpg", "its name isn't UTF-8"),
        ("gone.jpg", "a link that leads nowhere"),
        ("pipe.jpg", "not a regular file"),
    ]
    assert found.notes == [
        "2 hidden or system files and folders were ignored: 1 .DS_Store, 1 hidden folders.",
    ]
    assert (found.folder, len(found)) == (tmp_path, 6)


def test_one_picture(tmp_path):
    touch(tmp_path, "a.jpg")
    found = list_unlabelled(tmp_path / "a.jpg")
    assert [found.folder / path for path in found.paths] == [tmp_path / "a.jpg"]


def test_a_table_of_paths(tmp_path):
    """Relative to the table or absolute, as given and in its order; commas in names are no trouble."""
    elsewhere = tmp_path / "elsewhere" / "1, 2.jpg"
    (tmp_path / "list.csv").write_text(f'n,path\n1,b.jpg\n2,"{elsewhere}"\n3,../c.jpg\n4,b.jpg\n')
    found = list_unlabelled(tmp_path / "list.csv")
    assert found.paths == ["b.jpg", str(elsewhere), "../c.jpg", "b.jpg"]
    assert found.folder / found.paths[1] == elsewhere
    assert found.folder / found.paths[2] == tmp_path / "../c.jpg"


def test_a_manifest_and_its_parts(tmp_path, make_folder):
    data = make_folder({"a": 4, "b": 4})
    options = SplitOptions(train=0.5, val=0.25, test=0.25)
    write_split(split_data(data, options, silent_progress).split, tmp_path / "split.csv")
    split = read_split(tmp_path / "split.csv")
    found = list_unlabelled(tmp_path / "split.csv")
    assert found.paths == sorted(split.table["path"])
    assert list_unlabelled(tmp_path / "split.csv", "test").paths == sorted(split.part("test").paths)
    assert (found.folder / found.paths[0]).is_file()
    (tmp_path / "split.csv").write_text((tmp_path / "split.csv").read_text().replace(",test,", ",train,", 1))
    with pytest.raises(ManifestError, match="was changed after it was made"):
        list_unlabelled(tmp_path / "split.csv")


def test_what_cannot_be_listed(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other.csv").write_text("Path,n\na.jpg,1\n")
    (tmp_path / "none.csv").write_text("path\n")
    with pytest.raises(DataError, match="empty' holds no picture; name other data"):
        list_unlabelled(tmp_path / "empty")
    with pytest.raises(DataError, match=r"other\.csv has no column 'path' but Path, n; .* Did you mean 'Path'"):
        list_unlabelled(tmp_path / "other.csv")
    with pytest.raises(DataError, match=r"none\.csv' holds no picture"):
        list_unlabelled(tmp_path / "none.csv")
    with pytest.raises(ParameterError, match=r"part is test, but '.*empty' is no manifest"):
        list_unlabelled(tmp_path / "empty", "test")


def test_a_manifests_picture_that_became_a_link_out_of_the_folder_is_not_read(tmp_path, make_folder):
    """What a manifest says is held to the data folder, as what a folder holds is."""
    data = make_folder({"a": 4, "b": 4})
    options = SplitOptions(train=0.5, val=0.25, test=0.25)
    write_split(split_data(data, options, silent_progress).split, tmp_path / "split.csv")
    (data / "a/000.png").rename(tmp_path / "outside.png")
    (data / "a/000.png").symlink_to(tmp_path / "outside.png")
    found = list_unlabelled(tmp_path / "split.csv")
    assert found.rejected == [("a/000.png", "a link that leads out of the data folder")]
    assert len(found.paths) == 7


def test_a_manifest_whose_pictures_lie_elsewhere_says_where(tmp_path, make_folder):
    data = make_folder({"a": 4, "b": 4})
    (tmp_path / "manifests").mkdir()
    manifest = tmp_path / "manifests" / "split.csv"
    options = SplitOptions(train=0.5, val=0.25, test=0.25)
    write_split(split_data(data, options, silent_progress).split, manifest)
    assert list_unlabelled(manifest).notes == open_data(manifest, silent_progress).notes
    assert list_unlabelled(manifest).notes == [
        f"The pictures of '{manifest}' are read from '{data}', as its sidecar says."
    ]
