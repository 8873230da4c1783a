import shutil

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


def test_materialized_folders(pictures, tmp_path):
    """Copies make folder trees beside the manifest, which split gives back the same parts."""
    split(Split(data=str(pictures), out=str(tmp_path / "split.csv"), materialize="copy"))
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
    assert "45" in said
    assert "42" in said


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
