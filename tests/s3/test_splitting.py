"""Data in S3 is split as if it lay in a folder."""

import shutil

import pytest
from s3_place import OPTIONS

from beauty_mlflow.data.csv_tables import csv_text
from beauty_mlflow.data.sources.locations import locate
from beauty_mlflow.data.splits.manifest import read_split, write_split
from beauty_mlflow.data.splits.materialize import materialize
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data
from beauty_mlflow.errors import DataError, ManifestError, ParameterError
from beauty_mlflow.progress import silent_progress


def split_s3(uri, options=OPTIONS):
    return split_data(locate(uri), options, silent_progress)


def test_a_prefix_of_class_folders_is_split_as_the_folder(s3, pictures, local_split):
    """Rows, fingerprint and all; every object is got once, and the manifest names the URI."""
    uri = s3.upload(pictures)
    found = split_s3(uri).split
    assert found.table.equals(local_split.table)
    assert found.fingerprint == local_split.fingerprint
    assert len(s3.proxy.objects) == len(set(s3.proxy.objects)) == len(found.table)
    assert str(found.folder) == uri


def test_a_prefix_is_listed_once(s3, pictures):
    """To see what it is and to read it; besides, it is only asked whether anything is there."""
    split_s3(s3.upload(pictures))
    lists = [path for _, path in s3.proxy.requests if "list-type" in path]
    assert sum("max-keys=1000" in path for path in lists) == 1
    assert all("max-keys=1" in path for path in lists)


def test_odd_files_are_treated_as_in_a_folder(s3, pictures, tmp_path):
    """Broken, empty, hidden and unknown files, and copies, are found and named the same way."""
    odd = tmp_path / "odd"
    shutil.copytree(pictures, odd)
    one = min(path.name for path in odd.iterdir())
    some = next((odd / one).iterdir()).read_bytes()
    names = (".DS_Store", "._x.jpg", "notes.txt", "cut.jpg", "copy 1, 'ö'.jpg", "tab\t.jpg", ".hidden.jpg")
    for name in names:
        (odd / one / name).write_bytes({"notes.txt": b"hello", "cut.jpg": some[:500]}.get(name, some))
    (odd / one / "empty.jpg").write_bytes(b"")
    (odd / one / ".git" / "deep").mkdir(parents=True)
    (odd / one / ".git" / "deep" / "x.jpg").write_bytes(some)
    (odd / "loose.jpg").write_bytes(some)
    local, far = split_data(odd, OPTIONS, silent_progress), split_s3(s3.upload(odd))
    assert far.split.table.equals(local.split.table)
    assert far.quarantine.equals(local.quarantine)
    assert far.notes == local.notes
    assert len(local.quarantine) == 3


@pytest.mark.parametrize("prefix", ["", "a/deep prefix"])
def test_a_split_folder_keeps_its_parts(s3, local_split, tmp_path, prefix):
    """Train, validation and test below a prefix, or in the bucket itself."""
    materialize(local_split, tmp_path / "tree", "copy")
    bucket = s3.bucket()
    uri = f"s3://{bucket}/{prefix}".rstrip("/")
    for path in (tmp_path / "tree").rglob("*.jpg"):
        s3.put(uri, path.relative_to(tmp_path / "tree").as_posix(), path.read_bytes())
    assert split_s3(uri, SplitOptions()).split.fingerprint == local_split.fingerprint


def test_a_table_lists_objects_beside_it(s3, pictures, local_split):
    """Paths are relative to the table's prefix; one without an object is set aside."""
    uri = s3.upload(pictures)
    rows = [*local_split.table[["path", "class"]].itertuples(index=False), ("gone.jpg", local_split.classes[0])]
    s3.put(uri, "table.csv", csv_text(("path", "class"), rows).encode())
    found = split_s3(f"{uri}/table.csv")
    assert found.split.fingerprint == local_split.fingerprint
    assert found.quarantine.to_numpy().tolist() == [["gone.jpg", "no such file or directory"]]


def test_keys_that_are_no_paths_are_set_aside(s3, pictures, local_split, tmp_path):
    """Nothing is read from or written to where such a key would lead."""
    uri = s3.upload(pictures)
    folder = local_split.table["path"][0].split("/")[0]
    content = (pictures / local_split.table["path"][0]).read_bytes()
    bad = (f"{folder}/../up.jpg", f"{folder}//double.jpg", f"{folder}/./dot.jpg", f"{folder}/..", f"{folder}/sub/")
    for key in bad:
        s3.put_any(uri, key, content)
    s3.put(uri, f"{folder}/empty/", b"")
    found = split_s3(uri)
    assert found.split.fingerprint == local_split.fingerprint
    assert sorted(found.quarantine["path"]) == sorted([*bad[:4], f"{folder}/sub//"])
    assert all(path.parent.name == path.name[:2] and len(path.name) == 64 for path in s3.files)


def test_what_is_too_large_is_never_read(s3, pictures, local_split, monkeypatch):
    """An object beyond the limit of picture files is set aside by what the server says of its size."""
    uri = s3.upload(pictures)
    s3.put(uri, f"{local_split.table['path'][0]}.tar", b"x" * 1_000_001)
    monkeypatch.setattr("beauty_mlflow.data.decoder_limits.MAX_FILE", 1_000_000)
    ((_, reason),) = split_s3(uri).quarantine.to_numpy().tolist()
    assert reason == "the file has 1,000,001 bytes; expected at most 1,000,000"


def test_a_key_may_be_a_folder_as_well(s3, pictures, local_split):
    """An object called as a folder is one more file of the folder above."""
    uri = s3.upload(pictures)
    folder = local_split.table["path"][0].split("/")[0]
    s3.put(uri, folder, b"no picture")
    assert split_s3(uri).split.fingerprint == local_split.fingerprint
    s3.put(uri, f"{folder}/x", b"no picture")
    s3.put(uri, f"{folder}/x/y.jpg", b"no picture")
    assert list(split_s3(uri).quarantine["path"]) == [f"{folder}/x", f"{folder}/x/y.jpg"]


def test_a_manifest_serves_a_copy_of_its_pictures(s3, pictures, local_split, tmp_path):
    """Made from S3, used with the folder; and the other way round."""
    write_split(split_s3(s3.upload(pictures)).split, tmp_path / "far.csv")
    assert read_split(tmp_path / "far.csv", folder=pictures).fingerprint == local_split.fingerprint
    write_split(local_split, tmp_path / "near.csv")
    uri = s3.upload(pictures)
    assert str(read_split(tmp_path / "near.csv", folder=locate(uri)).folder) == uri


def test_a_manifest_may_lie_in_s3_itself(s3, pictures, local_split, manifest):
    """Beside its sidecar, as on this machine."""
    uri = s3.upload(pictures)
    path = manifest(uri)
    for file in (path, path.with_suffix(".json")):
        s3.put(uri, file.name, file.read_bytes())
    assert read_split(locate(f"{uri}/split.csv")).table.equals(local_split.table)
    s3.delete(uri, "split.json")
    with pytest.raises(ManifestError, match=r"lacks its sidecar split.json \(there is no such object\)"):
        read_split(locate(f"{uri}/split.csv"))


def test_materialize_copies_but_cannot_link(s3, pictures, local_split, tmp_path):
    """Copies are those of the manifest."""
    split = split_s3(s3.upload(pictures)).split
    with pytest.raises(ParameterError, match="materialize is 'link', but nothing can link to 's3://"):
        materialize(split, tmp_path / "tree", "link")
    materialize(split, tmp_path / "tree", "copy")
    assert split_data(tmp_path / "tree", SplitOptions(), silent_progress).split.fingerprint == local_split.fingerprint


def test_what_holds_nothing_is_refused(s3):
    """An empty bucket and a prefix without objects."""
    bucket = s3.bucket()
    with pytest.raises(DataError, match=f"'s3://{bucket}' holds no class folder"):
        split_s3(f"s3://{bucket}")
    with pytest.raises(DataError, match=f"'s3://{bucket}/none' doesn't exist"):
        split_s3(f"s3://{bucket}/none")
