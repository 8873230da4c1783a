import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beauty_mlflow.data.sources.locations import locate
from beauty_mlflow.data.splits.manifest import (
    COLUMNS,
    PARTS,
    Split,
    folder_notes,
    is_manifest,
    is_sidecar,
    read_split,
    write_split,
)
from beauty_mlflow.data.splits.verifying import check_inside
from beauty_mlflow.errors import DataError, ManifestError, ParameterError

bounded = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])

ROWS = [
    ("a/1.png", "a", "train"),
    ("a/2.png", "a", "val"),
    ("a/3.png", "a", "test"),
    ("b/1.png", "b", "train"),
    ("b/2.png", "b", "train"),
    ("b/3.png", "b", "test"),
]


def make_split(folder, rows=ROWS, classes=None):
    for path, _, _ in rows:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(path.encode())
    full = [(path, name, part, hashlib.sha256(path.encode()).hexdigest(), "", "") for path, name, part in rows]
    table = pd.DataFrame(full, columns=list(COLUMNS), dtype=str).sort_values(["class", "path"], ignore_index=True)
    return Split(folder, table, classes or tuple(sorted({row[1] for row in rows})), {"seed": 0}, 2)


@pytest.fixture
def split(tmp_path):
    return make_split(tmp_path / "data")


@pytest.fixture
def manifest(split, tmp_path):
    write_split(split, tmp_path / "split.csv")
    return tmp_path / "split.csv"


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_part_holds_its_pictures_in_manifest_order(split):
    pictures = split.part("train")
    assert pictures.paths == ("a/1.png", "b/1.png", "b/2.png")
    assert pictures.labels.tolist() == [0, 1, 1]
    assert pictures.labels.dtype == np.int32
    assert pictures.keys.tolist() == [int(hashlib.sha256(p.encode()).hexdigest()[:16], 16) for p in pictures.paths]
    assert pictures.keys.dtype == np.uint64
    assert pictures.classes == ("a", "b")


def test_class_ids_are_the_positions_in_the_list_not_the_order_of_names(tmp_path):
    split = make_split(tmp_path, classes=("b", "a"))
    assert split.part("train").labels.tolist() == [1, 0, 0]


def test_counts_name_every_part_and_class(split):
    assert split.counts == {"train": {"a": 1, "b": 2}, "val": {"a": 1, "b": 0}, "test": {"a": 1, "b": 1}}


def test_the_largest_share_is_that_of_the_commonest_class(split):
    assert split.largest_share("train") == pytest.approx(2 / 3)
    assert split.largest_share("val") == 1


def test_an_empty_part_has_no_largest_share(tmp_path):
    with pytest.raises(DataError, match="the part val holds no picture"):
        make_split(tmp_path, [row for row in ROWS if row[2] != "val"]).largest_share("val")


def test_an_unknown_part_is_an_error(split):
    with pytest.raises(ParameterError, match=r"'tset' is no part of a split; .* Did you mean 'test'"):
        split.part("tset")


def test_the_fingerprint_depends_on_class_content_and_part_not_on_names(split, tmp_path):
    renamed = split.table.assign(path=[f"x{number}" for number in range(6)], product="p")
    assert Split(tmp_path, renamed, split.classes, {}).fingerprint == split.fingerprint
    for column, value in (("part", "val"), ("class", "b"), ("sha256", "0" * 64)):
        changed = split.table.copy()
        changed.loc[0, column] = value
        assert Split(tmp_path, changed, split.classes, {}).fingerprint != split.fingerprint


def test_a_digest_belongs_to_one_part(split, tmp_path):
    changed = split.table.copy()
    changed.loc[changed["path"] == "b/3.png", "sha256"] = "0" * 64
    other = Split(tmp_path, changed, split.classes, {})
    assert [split.digest(part) == other.digest(part) for part in PARTS] == [True, True, False]
    assert {len(split.digest(part)) for part in PARTS} == {32}


def test_a_manifest_reads_back_as_it_was_written(split, manifest):
    back = read_split(manifest)
    pd.testing.assert_frame_equal(back.table, split.table)
    assert (back.folder, back.classes, back.options, back.quarantined) == (
        split.folder,
        ("a", "b"),
        {"seed": 0},
        2,
    )


def test_the_sidecar_says_where_what_and_how_many(split, manifest):
    sidecar = json.loads(manifest.with_suffix(".json").read_text())
    assert sidecar["folder"] == str(split.folder)
    assert sidecar["counts"] == split.counts
    assert sidecar["fingerprint"] == split.fingerprint
    assert sidecar["quarantined"] == 2


def test_a_relative_data_folder_is_written_as_an_absolute_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = make_split(tmp_path / "data")
    write_split(Split(Path("data"), made.table, made.classes, {}), Path("split.csv"))
    assert read_split(tmp_path / "split.csv").folder == tmp_path / "data"


names = st.text(
    st.characters(codec="utf-8", exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=30
).filter(lambda name: name not in (".", ".."))


@bounded
@given(st.lists(st.tuples(names, names, st.sampled_from(PARTS)), min_size=1, max_size=8, unique_by=lambda row: row[0]))
def test_hostile_names_survive_the_round_trip(tmp_path, rows):
    """Newlines, carriage returns, quotes, commas, emoji, leading spaces: what is read is what was written."""
    full = [(path, name, part, hashlib.sha256(path.encode()).hexdigest(), "", "") for path, name, part in rows]
    table = pd.DataFrame(full, columns=list(COLUMNS), dtype=str).sort_values(["class", "path"], ignore_index=True)
    split = Split(tmp_path, table, tuple(sorted({row[1] for row in rows})), {})
    write_split(split, tmp_path / "hostile.csv")
    pd.testing.assert_frame_equal(read_split(tmp_path / "hostile.csv", check_pictures=False).table, table)


@bounded
@given(st.binary(max_size=300), st.sampled_from(["split.csv", "split.json"]), st.booleans())
def test_damaged_bytes_are_a_manifest_error_and_nothing_else(split, tmp_path, junk, name, whole):
    write_split(split, tmp_path / "split.csv")
    path = tmp_path / name
    content = path.read_bytes()
    path.write_bytes(junk if whole else content[:40] + junk + content[40 + len(junk) :])
    if path.read_bytes() != content:
        with pytest.raises(ManifestError):
            read_split(tmp_path / "split.csv")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("path,class", "path,clas", "is no split manifest: its columns are path, clas, part"),
        (",train,", ",trian,", r"row 1 \(1 such rows\): the part is 'trian'; .* Did you mean 'train'"),
        (",a,train", ",aa,train", "the class is 'aa'; expected a class of the sidecar. Did you mean"),
        (",train,", ",test,", "was changed after it was made"),
        ("a/1.png", "../1.png", "the path is '../1.png'; expected a path relative"),
        ("a/1.png", "/a/1.png", "the path is '/a/1.png'"),
        ("a/1.png", "a//1.png", "the path is 'a//1.png'"),
        ("a/1.png", "a/2.png", r"lists 'a/2.png' twice \(1 duplicate rows\)"),
        (hashlib.sha256(b"a/1.png").hexdigest(), "123", "the sha256 is '123'; expected 64 hex digits"),
    ],
)
def test_a_wrong_row_is_an_error_that_shows_it(manifest, old, new, message):
    replace(manifest, old, new)
    with pytest.raises(ManifestError, match=message):
        read_split(manifest)


def test_a_missing_row_is_noticed(manifest):
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(lines[:-1]))
    with pytest.raises(ManifestError, match="was changed after it was made"):
        read_split(manifest)


@pytest.mark.parametrize(
    ("sidecar", "message"),
    [
        (None, r"lacks its sidecar split.json \(no such file"),
        ("{}", "is no sidecar of a manifest: folder: Field required"),
        ("[" * 100_000, "is no sidecar of a manifest"),
    ],
)
def test_a_sidecar_that_is_missing_or_none_is_an_error(manifest, sidecar, message):
    path = manifest.with_suffix(".json")
    path.unlink() if sidecar is None else path.write_text(sidecar)
    with pytest.raises(ManifestError, match=message):
        read_split(manifest)


@pytest.mark.parametrize("kind", ["a pipe", "a device", "a folder"])
def test_a_sidecar_that_is_no_file_is_an_error_at_once(manifest, kind):
    """A pipe waits for ever for somebody who writes, and a device never ends."""
    path = manifest.with_suffix(".json")
    path.unlink()
    make = {"a pipe": os.mkfifo, "a device": lambda path: path.symlink_to("/dev/zero"), "a folder": Path.mkdir}
    make[kind](path)
    with pytest.raises(ManifestError, match=r"lacks its sidecar split.json \(not a regular file\)"):
        read_split(manifest)
    replace(manifest, "path,class", "path,clas")
    assert not is_manifest(manifest)


def test_a_table_or_sidecar_of_any_size_is_not_read(manifest):
    """None of their bytes is on the disk; a million pictures take less."""
    sidecar = manifest.with_suffix(".json")
    os.truncate(sidecar, 10**12)
    with pytest.raises(ManifestError, match=r"split.json \(the file has 1,000,000,000,000 bytes; expected at most 500"):
        read_split(manifest)
    assert not is_sidecar(sidecar)
    os.truncate(manifest, 10**12)
    with pytest.raises(ManifestError, match=r"split.csv can't be read \(the file has 1,000,000,000,000 bytes"):
        read_split(manifest)


def test_a_folder_away_from_the_manifest_is_said(split, manifest, tmp_path):
    """Beside the manifest, through a link too, it is where one looks for it."""
    (tmp_path / "link").symlink_to(tmp_path)
    for near in (manifest, tmp_path / "link" / "split.csv", split.folder / "split.csv"):
        assert folder_notes(near, split.folder) == []
    (tmp_path / "elsewhere").mkdir()
    far = tmp_path / "elsewhere" / "split.csv"
    said = f"The pictures of '{far}' are read from '{split.folder}', as its sidecar says."
    assert folder_notes(far, split.folder) == [said]


def test_a_bucket_away_from_the_manifest_is_said(manifest):
    there = locate("s3://bucket/data")
    assert folder_notes(locate("s3://bucket/split.csv"), there) == []
    assert folder_notes(locate("s3://bucket/data/split.csv"), there) == []
    for far in (manifest, locate("s3://bucket/dat/split.csv"), locate("s3://other/split.csv")):
        assert folder_notes(far, there) == [f"The pictures of '{far}' are read from '{there}', as its sidecar says."]


def test_a_sidecar_with_a_class_twice_is_an_error(manifest):
    replace(manifest.with_suffix(".json"), '"a",', '"a", "a",')
    with pytest.raises(ManifestError, match="lists a class twice"):
        read_split(manifest)


def test_changed_missing_and_strange_pictures_are_named_and_counted(split, manifest, tmp_path):
    (split.folder / "a/1.png").write_bytes(b"other")
    (split.folder / "a/2.png").unlink()
    (split.folder / "a/3.png").unlink()
    os.mkfifo(split.folder / "a/3.png")
    (split.folder / "b/1.png").rename(tmp_path / "outside.png")
    (split.folder / "b/1.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(
        ManifestError, match=r"4 of the 6 pictures .* 'a/1.png' was changed; 'a/2.png': no such"
    ) as error:
        read_split(manifest)
    assert "'a/3.png': not a regular file; …" in str(error.value)
    assert len(read_split(manifest, check_pictures=False).table) == 6


def test_a_link_that_stays_inside_is_fine(split, manifest):
    (split.folder / "a/1.png").rename(split.folder / "moved.png")
    (split.folder / "a/1.png").symlink_to("../moved.png")
    assert read_split(manifest).fingerprint == split.fingerprint


def test_a_folder_that_moved_is_an_error_until_it_is_given(split, manifest, tmp_path):
    split.folder.rename(tmp_path / "elsewhere")
    with pytest.raises(ManifestError, match=r"the data folder of .* isn't there"):
        read_split(manifest)
    assert read_split(manifest, folder=tmp_path / "elsewhere").folder == tmp_path / "elsewhere"


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ManifestError, match=r"doesn't exist; expected a CSV table"):
        read_split(tmp_path / "missing.csv")


def test_a_folder_is_an_error_that_says_how_to_make_a_manifest(tmp_path):
    with pytest.raises(
        ManifestError, match=r"expected a split's manifest. Make one with: beauty split --data /.*/data$"
    ):
        read_split(make_split(tmp_path / "data").folder)


def test_a_text_that_is_no_table_is_called_no_manifest(tmp_path):
    (tmp_path / "bad.sh").write_text("#!/bin/sh\n\necho a, b, c\n")
    with pytest.raises(ManifestError, match=r"bad.sh is no split manifest"):
        read_split(tmp_path / "bad.sh")


def test_dropped_copies_are_kept_in_the_sidecar(split, tmp_path):
    dropped = {"a/copy.png": "a/1.png"}
    write_split(Split(split.folder, split.table, split.classes, {}, 0, dropped), tmp_path / "split.csv")
    assert read_split(tmp_path / "split.csv").dropped == dropped


def test_a_sidecar_without_dropped_copies_is_read(manifest):
    """Manifests made before copies were listed apart stay valid."""
    sidecar = manifest.with_suffix(".json")
    content = json.loads(sidecar.read_text())
    del content["dropped"]
    sidecar.write_text(json.dumps(content))
    assert read_split(manifest).dropped == {}


def test_a_manifest_must_be_called_csv(split, tmp_path):
    with pytest.raises(ParameterError, match=r"expected a file name that ends in .csv"):
        write_split(split, tmp_path / "split.txt")


def test_a_manifest_is_known_by_its_header_or_its_sidecar(manifest, tmp_path):
    assert is_manifest(manifest)
    replace(manifest, "path,class", "path,clas")
    assert is_manifest(manifest)
    table = tmp_path / "table.csv"
    table.write_text("path,class\nx,y\n")
    assert not is_manifest(table)


def test_pictures_that_lead_out_of_the_data_folder_are_named(split, tmp_path):
    """By a link of their own, or by a folder above them that is one; links inside are fine."""
    (split.folder / "a/1.png").rename(tmp_path / "outside.png")
    (split.folder / "a/1.png").symlink_to(tmp_path / "outside.png")
    (split.folder / "b").rename(tmp_path / "outside")
    (split.folder / "b").symlink_to(tmp_path / "outside")
    (split.folder / "inside.png").symlink_to("a/2.png")
    check_inside(split.folder, ["a/2.png", "inside.png"])
    with pytest.raises(ManifestError, match=r"2 pictures lead out of the data folder .*: a/1\.png, b/1\.png\. Put the"):
        check_inside(split.folder, ["a/1.png", "a/2.png", "b/1.png"])
