"""Damaged manifests, tables, groupings, sweep and gate files: what they say, or an error of ours, never a traceback."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from making import encode, noise
from mutating import damaged, examples, result_of

from beauty_mlflow.data.readers import list_pictures
from beauty_mlflow.data.readers.unlabelled import list_unlabelled
from beauty_mlflow.data.splits.corrections import read_corrections
from beauty_mlflow.data.splits.grouping import group_split, read_groups, recorded_groups
from beauty_mlflow.data.splits.manifest import read_split, write_split
from beauty_mlflow.data.splits.splitting import SplitOptions, open_data, split_data
from beauty_mlflow.errors import DataError, GateError, ManifestError, SweepError
from beauty_mlflow.evaluation.grouping.constraints import read_constraints
from beauty_mlflow.progress import silent_progress
from beauty_mlflow.promotion.gate import DEFAULTS, read_gate
from beauty_mlflow.search.sweep_file import read_sweep

ROOT = Path(__file__).parents[2]
SWEEPS = sorted((ROOT / "sweeps").glob("*.toml"))
TABLE_WORDS = (
    b",",
    b'"',
    b"\r",
    b"\n",
    b"\0",
    b"../",
    b"/",
    b"path",
    b"class",
    b"part",
    b"train",
    b"\xff",
    b"=1",
    b"'",
)
YAML_WORDS = (
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!int ",
    b"!!timestamp x",
    b"!!bool x",
    b"!!float ''",
    b"? ",
    b"- ",
    b"[",
    b"{",
    b"~",
    b"\t",
)
TOML_WORDS = (
    b"[",
    b"]",
    b"=",
    b"nan",
    b"inf",
    b"-1",
    b"'",
    b'"""',
    b"1e400",
    b"9" * 400,
    b"true",
    b"{}",
    b"1979-05-27",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes of four pictures, split in a manifest beside them."""
    folder = tmp_path_factory.mktemp("fuzzing") / "data"
    for number in range(8):
        path = folder / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(noise(number), "JPEG"))
    options = SplitOptions(train=0.5, val=0.25, test=0.25)
    write_split(split_data(folder, options, silent_progress).split, folder / "split.csv")
    return folder


def _all_inside(folder, paths):
    return all((folder / path).resolve().is_relative_to(folder) for path in paths)


@examples(150)
@given(data=st.data())
def test_a_damaged_manifest_or_sidecar(folder, data):
    """A split whose pictures are those of the folder, or a ManifestError."""
    table, sidecar = (folder / "split").with_suffix(".csv").read_bytes(), (folder / "split.json").read_bytes()
    damaged_table, damaged_sidecar = folder / "damaged.csv", folder / "damaged.json"
    words = (*TABLE_WORDS, b"null", b"{}", b"[]", b"1e999", b'"a"', b"\\ud800")
    damaged_table.write_bytes(data.draw(damaged([table], words=words)))
    damaged_sidecar.write_bytes(data.draw(damaged([sidecar], words=words)))
    split = result_of(lambda: read_split(damaged_table), ManifestError)
    assert split is None or _all_inside(split.folder, split.table["path"])


OPTIONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", ""]), inner, max_size=3)
    ),
    max_leaves=8,
)


@examples(100)
@given(options=st.dictionaries(st.sampled_from(["groups", "corrections", "fraction", "strategy", "seed"]), OPTIONS))
def test_a_sidecar_with_strange_options(folder, options):
    """What reads an option of a manifest finds what it expects, or the manifest is refused."""
    sidecar = json.loads((folder / "split.json").read_text())
    strange = folder / "strange.csv"
    strange.write_bytes((folder / "split.csv").read_bytes())
    strange.with_suffix(".json").write_text(json.dumps({**sidecar, "options": options}))
    split = result_of(lambda: read_split(strange, check_pictures=False), ManifestError)
    if split is not None:
        grouped = result_of(lambda: group_split(split, {"c": ["a"]})[0], DataError)
        assert grouped is None or all(isinstance(names, list) for names in recorded_groups(grouped).values())


@examples(150)
@given(data=st.data())
def test_a_damaged_table_as_data(folder, data):
    """A listing of files inside the folder, or a DataError; the same table lists paths for predict."""
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.glob("[ab]/*.jpg"))
    plain = "path,class\n" + "".join(f"{path},{path[0]}\n" for path in paths)
    parts = "path,class,part\n" + "".join(f"{path},{path[0]},train\n" for path in paths)
    table = folder / "table.csv"
    table.write_bytes(data.draw(damaged([plain.encode(), parts.encode()], words=TABLE_WORDS)))
    listing = result_of(lambda: list_pictures(table), DataError)
    assert listing is None or _all_inside(folder, listing.table["path"])
    result_of(lambda: list_unlabelled(table), DataError)
    result_of(lambda: open_data(table, silent_progress), DataError)


@examples(150)
@given(data=st.data())
def test_damaged_corrections(folder, data):
    corrections = folder / "corrections.csv"
    original = b"path,class,reason\na/0.jpg,b,seen\nb/1.jpg,drop,\n'=x,'@y,\n"
    corrections.write_bytes(data.draw(damaged([original], words=(*TABLE_WORDS, b"drop", b"reason"))))
    read = result_of(lambda: read_corrections(corrections), DataError)
    assert read is None or all(path and name for path, name in read.items())


@examples(200)
@given(data=st.data())
def test_damaged_groupings_and_constraints(folder, data):
    original = b"# which are one\npair: [a, b]\n'other': ['c d', \"e\"]\nlong:\n  - f\n  - g\n"
    constraints = yaml.safe_dump({"together": [["a", "b"]], "apart": [["a", "c"]]}).encode()
    groups = folder / "groups.yaml"
    groups.write_bytes(data.draw(damaged([original, constraints], words=YAML_WORDS)))
    found = result_of(lambda: read_groups(str(groups)), DataError)
    assert found is None or all(name and members for name, members in found.items())
    result_of(lambda: read_constraints(str(groups)), DataError)


@examples(150)
@given(data=st.data())
def test_damaged_gate_files(folder, data):
    gate = folder / "gate.toml"
    gate.write_bytes(data.draw(damaged([DEFAULTS.read_bytes()], words=TOML_WORDS)))
    result_of(lambda: read_gate(gate), GateError)


@examples(100)
@given(data=st.data())
def test_damaged_sweep_files(folder, data):
    """Of the sweeps that are shipped."""
    sweep = folder / "sweep.toml"
    sweep.write_bytes(data.draw(damaged([path.read_bytes() for path in SWEEPS], words=TOML_WORDS)))
    result_of(lambda: read_sweep(sweep), SweepError)
