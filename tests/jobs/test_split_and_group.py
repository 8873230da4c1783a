import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from beauty_mlflow.data.splits.manifest import read_split
from beauty_mlflow.errors import DataError, ManifestError, ParameterError
from beauty_mlflow.jobs.group import Group
from beauty_mlflow.jobs.group import run as group
from beauty_mlflow.jobs.sample import Sample
from beauty_mlflow.jobs.sample import run as sample
from beauty_mlflow.jobs.split import Split
from beauty_mlflow.jobs.split import run as split


def test_sample_says_what_it_made(tmp_path):
    """Sample makes the wanted folders and says what to do next."""
    summary = dict(sample(Sample(out=str(tmp_path / "boxes"), classes=2, images=4)))
    assert summary["pictures"] == 8
    assert len(list((tmp_path / "boxes").glob("boxes_*/*.jpg"))) == 8


def test_split_writes_manifest_sidecar_and_quarantine(pictures, tmp_path):
    """The broken picture is listed with its reason, counted, and left out; the rest is in the manifest."""
    data = shutil.copytree(pictures, tmp_path / "data")
    broken = next(data.glob("boxes_*")) / "broken.jpg"
    broken.write_bytes(b"no picture")
    summary = dict(split(Split(data=str(data), out=str(tmp_path / "split.csv"))))
    assert summary["quarantined"] == 1
    quarantine = pd.read_csv(tmp_path / "split.quarantine.csv")
    assert list(quarantine.columns) == ["path", "reason"]
    assert quarantine["path"].to_list() == [broken.relative_to(data).as_posix()]
    assert len(read_split(tmp_path / "split.csv").table) == 48


def test_strict_refuses_a_broken_picture(pictures, tmp_path):
    """With strict a broken picture is an error and nothing is written."""
    data = shutil.copytree(pictures, tmp_path / "data")
    (next(data.glob("boxes_*")) / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"broken\.jpg"):
        split(Split(data=str(data), out=str(tmp_path / "split.csv"), strict=True))
    assert not list(tmp_path.glob("split*"))


@pytest.mark.parametrize("how", ["link", "copy"])
def test_materialized_folders(pictures, tmp_path, how):
    """Links and copies make folder trees beside the manifest, which split gives back the same parts."""
    split(Split(data=str(pictures), out=str(tmp_path / "split.csv"), materialize=how))
    again = dict(split(Split(data=str(tmp_path / "split"), out=str(tmp_path / "again.csv"))))
    assert again["fingerprint"] == read_split(tmp_path / "split.csv").fingerprint


def test_grown_data_keeps_its_parts(pictures, tmp_path):
    """Extend keeps every old picture's part and places the new ones."""
    data = shutil.copytree(pictures, tmp_path / "data")
    taken = [path for folder in sorted(data.glob("boxes_*")) for path in sorted(folder.glob("*.jpg"))[-2:]]
    kept = {path: path.read_bytes() for path in taken}
    for path in taken:
        path.unlink()
    split(Split(data=str(data), out=str(tmp_path / "old.csv")))
    for path, content in kept.items():
        path.write_bytes(content)
    split(Split(data=str(data), out=str(tmp_path / "new.csv"), extend=str(tmp_path / "old.csv")))
    old = read_split(tmp_path / "old.csv").table.set_index("path")["part"]
    new = read_split(tmp_path / "new.csv").table.set_index("path")["part"]
    assert new.loc[old.index].equals(old)
    assert len(new) == 48


def test_group_merges_classes_and_keeps_parts(manifest, tmp_path):
    """Grouping changes classes only."""
    full = read_split(manifest)
    groups = {"pair": list(full.classes[:2])}
    (tmp_path / "groups.yaml").write_text(yaml.safe_dump(groups))
    summary = dict(group(Group(data=str(manifest), groups=str(tmp_path / "groups.yaml"), out=str(tmp_path / "g.csv"))))
    grouped = read_split(tmp_path / "g.csv")
    assert summary["classes"] == "4 -> 3"
    parts = grouped.table.set_index("path")["part"].sort_index()
    assert parts.equals(full.table.set_index("path")["part"].sort_index())


def test_group_suggests_the_nearest_class(manifest, tmp_path):
    """A misspelt class is an error with the nearest name, and nothing is written."""
    wanted = read_split(manifest).classes[0]
    (tmp_path / "groups.yaml").write_text(yaml.safe_dump({"pair": [wanted[:-1]]}))
    with pytest.raises(DataError, match=f"Did you mean '{wanted}'"):
        group(Group(data=str(manifest), groups=str(tmp_path / "groups.yaml"), out=str(tmp_path / "g.csv")))
    assert not (tmp_path / "g.csv").exists()


def test_thesis_groups_say_why_there_are_45(manifest, tmp_path, capsys):
    """The documented grouping says that it gives 45 classes where the thesis reports 42."""
    group(Group(data=str(manifest), groups="thesis", out=str(tmp_path / "g.csv")))
    said = capsys.readouterr().err
    assert "In the thesis's own data, which has 73 classes, its documented groups give 45 and not the 42" in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace(",train,", ",dev,", 1), "dev"),
        (lambda text: text + text.splitlines()[1] + "\n", "twice|duplicate"),
        (lambda _: "hello", "manifest"),
    ],
)
def test_damaged_manifests(manifest, tmp_path, change, message):
    """A wrong part, a duplicate row or something else than a manifest is an error that says so."""
    manifest.write_text(change(manifest.read_text()))
    with pytest.raises(ManifestError, match=message):
        group(Group(data=str(manifest), groups="thesis", out=str(tmp_path / "g.csv")))


def test_dropped_copies_are_counted_apart(pictures, tmp_path):
    """A dropped copy is no quarantined picture."""
    data = shutil.copytree(pictures, tmp_path / "data")
    first = min(data.glob("boxes_*/*.jpg"))
    shutil.copy(first, first.with_name("copy.jpg"))
    summary = dict(split(Split(data=str(data), out=str(tmp_path / "split.csv"), duplicates="drop")))
    dropped = read_split(tmp_path / "split.csv").dropped
    assert summary["quarantined"] == 0
    assert summary["dropped copies"] == len(dropped) >= 1


@pytest.fixture
def no_reading(monkeypatch):
    """Make reading a picture a failure of the test."""
    monkeypatch.setattr("beauty_mlflow.data.splits.gathering.inspect_pictures", lambda *_: pytest.fail("read pictures"))
    monkeypatch.setattr("beauty_mlflow.data.splits.manifest.verify_pictures", lambda *_: pytest.fail("read pictures"))


@pytest.mark.usefixtures("no_reading")
@pytest.mark.parametrize("name", ["split.csv", "split.json", "split.quarantine.csv"])
def test_split_replaces_nothing_of_the_users_own(pictures, tmp_path, name):
    """A table, JSON or quarantine file that isn't ours stays, and that is known before pictures are read."""
    (tmp_path / name).write_text('{"mine": 1}' if name.endswith("json") else "path,class,part,shop\nx.jpg,a,train,7\n")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(DataError, match=f"{name}' exists and is no .*; give out another name"):
        split(Split(data=str(pictures), out=str(tmp_path / "split.csv")))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.usefixtures("no_reading")
def test_out_is_no_input(manifest, pictures, tmp_path):
    """The table that is split, the manifest that is extended or grouped, under whatever name, isn't replaced."""
    (tmp_path / "link.csv").symlink_to(manifest)
    groups = tmp_path / "groups.csv"
    groups.write_text("pair: [a, b]")
    before = manifest.read_bytes()
    with pytest.raises(DataError, match=r"out is '.*', which extend names too"):
        split(Split(data=str(pictures), out=str(manifest), extend=str(manifest)))
    with pytest.raises(DataError, match=r"out is '.*', which data names too"):
        group(Group(data=str(manifest), groups="thesis", out=str(tmp_path / "link.csv")))
    with pytest.raises(DataError, match=r"out is '.*', which groups names too"):
        group(Group(data=str(manifest), groups=str(groups), out=f"{tmp_path}/./groups.csv"))
    (tmp_path / "table.csv").write_text("path,class\nx.jpg,a\n")
    with pytest.raises(DataError, match=r"out is '.*', which data names too"):
        split(Split(data=str(tmp_path / "table.csv"), out=str(tmp_path / "table.csv")))
    assert manifest.read_bytes() == before
    assert (tmp_path / "table.csv").read_text() == "path,class\nx.jpg,a\n"


def test_a_second_split_replaces_the_first(pictures, tmp_path):
    """A manifest of ours, with its sidecars, may be written again."""
    first = dict(split(Split(data=str(pictures), out=str(tmp_path / "split.csv"))))
    second = dict(split(Split(data=str(pictures), out=str(tmp_path / "split.csv"), seed=1)))
    assert first["fingerprint"] != second["fingerprint"] == read_split(tmp_path / "split.csv").fingerprint


@pytest.mark.usefixtures("no_reading")
@pytest.mark.parametrize("name", ["file/out.csv", "folder.csv", "x" * 250 + ".csv"])
def test_what_cannot_be_written_is_said_before_pictures_are_read(manifest, pictures, tmp_path, name):
    """A file for a folder, a folder for a file, or a name that the file system doesn't take; for both jobs."""
    (tmp_path / "file").touch()
    (tmp_path / "folder.csv").mkdir()
    out = str(tmp_path / name)
    with pytest.raises(DataError, match=r"can't be written|exists and is no split manifest"):
        split(Split(data=str(pictures), out=out))
    with pytest.raises(DataError, match=r"can't be written|exists and is no split manifest"):
        group(Group(data=str(manifest), groups="thesis", out=out))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.usefixtures("no_reading")
def test_a_folder_that_cannot_be_made_is_said_before_pictures_are_read(pictures):
    """Nobody can make a folder in /proc, root included."""
    with pytest.raises(DataError, match=r"'/proc/x/y.csv' can't be written .*; give out a name in a folder"):
        split(Split(data=str(pictures), out="/proc/x/y.csv"))


@pytest.mark.usefixtures("no_reading")
def test_a_folder_in_the_way_is_said_before_anything_is_written(pictures, tmp_path):
    """The trees' folder must be new or empty; else neither pictures are read nor a manifest written."""
    (tmp_path / "split").mkdir()
    (tmp_path / "split" / "mine.txt").touch()
    with pytest.raises(DataError, match=r"split' exists already; expected a new or empty folder. Remove it"):
        split(Split(data=str(pictures), out=str(tmp_path / "split.csv"), materialize="link"))
    assert [path.name for path in tmp_path.iterdir()] == ["split"]


def test_the_help_of_split_and_group_needs_no_pandas():
    """What checks the parameters imports nothing heavy."""
    code = "import sys, beauty_mlflow.jobs.split, beauty_mlflow.jobs.group; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_one_class_is_not_enough(pictures, tmp_path):
    """A folder with one class can't be learned from."""
    only = next(pictures.glob("boxes_*"))
    shutil.copytree(only, tmp_path / "data" / only.name)
    with pytest.raises(DataError, match="class"):
        split(Split(data=str(tmp_path / "data"), out=str(tmp_path / "split.csv")))


def test_ratios_are_checked_before_anything_is_read():
    """Shares that don't sum to 1 are refused."""
    with pytest.raises(ParameterError, match="must sum to 1"):
        Split.parse({"data": "", "train": "0.7"})


def test_corrections_are_applied_and_counted(pictures, tmp_path):
    """A picture gets its right class, another is left out, and the summary says so."""
    paths = sorted(path.relative_to(pictures).as_posix() for path in pictures.glob("boxes_*/*.jpg"))
    plain = _split_of(pictures, tmp_path / "plain.csv")
    other = next(name for name in plain.classes if name != plain.table.set_index("path")["class"][paths[0]])
    corrections = tmp_path / "corrections.csv"
    corrections.write_text(f"path,class,reason\n{paths[0]},{other},seen\n{paths[1]},drop,\n", encoding="utf-8")
    out = tmp_path / "corrected.csv"
    summary = dict(split(Split(data=str(pictures), out=str(out), corrections=str(corrections))))
    assert str(summary["corrections"]) == "1 relabelled, 1 dropped"
    corrected = read_split(out).table.set_index("path")["class"]
    assert corrected[paths[0]] == other
    assert paths[1] not in corrected
    assert summary["fingerprint"] != plain.fingerprint


def test_corrections_that_fit_nothing_write_nothing(pictures, tmp_path):
    corrections = tmp_path / "corrections.csv"
    corrections.write_text("path,class\nnowhere.jpg,drop\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"1 of 1 corrections name no picture of the data: nowhere\.jpg"):
        split(Split(data=str(pictures), out=str(tmp_path / "split.csv"), corrections=str(corrections)))
    assert [path.name for path in tmp_path.iterdir()] == ["corrections.csv"]


def test_out_is_no_corrections(pictures, tmp_path):
    """A manifest named as corrections would be replaced by the new one."""
    _split_of(pictures, tmp_path / "split.csv")
    with pytest.raises(DataError, match="which corrections names too"):
        split(Split(data=str(pictures), out=str(tmp_path / "split.csv"), corrections=str(tmp_path / "split.csv")))


def _split_of(pictures, out):
    split(Split(data=str(pictures), out=str(out)))
    return read_split(out)
