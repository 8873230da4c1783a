"""Nothing that is written could hold code, and files are loaded in a few known ways alone."""

import ast
import base64
import io
import json
import pickle
import re
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from beauty_mlflow.jobs import load_job

PACKAGE = Path(__file__).parents[2] / "beauty_mlflow"
# What could run code that a file holds, or a shell's, and the only modules that may use it
DOORS = {
    r"(builtins\.)?(eval|exec|compile|__import__)": set(),
    r"os\.(system|popen)|(.*\.)?run_command": set(),
    r"(pickle|cloudpickle|dill|joblib|marshal|shelve|torch)(\..*)?": {"networks/torch_file.py"},
    r"(.*\.)?load_model": {"networks/keras_file.py", "tracking/foreign.py"},
    r"(.*\.)?load_weights": {"networks/weight_files.py", "networks/imagenet.py", "jobs/building.py"},
    r"(.*\.)?saved_model\.load": {"jobs/export_formats.py"},
    r"np\.(load|save|savez)": {"training/arrays.py"},
    r"(pd|pandas)\.read_pickle|.*\.to_pickle": set(),
    r"yaml\.(load|load_all|unsafe_load|full_load)": {"data/strict_yaml.py"},
}
STARTS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
AS_TEXT = re.compile(
    rb"\b(80(03|04|05)(95|63|7d|5d|28)[0-9a-f]{20,}|gA[NSU][VYJ]?[A-Za-z0-9+/]{20,}={0,2})"
)  # hex, base64


def uses(path):
    """Yield what a module calls and imports, as it is written."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)
            if any(word.arg == "shell" for word in node.keywords):
                yield "os.system"
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("door", DOORS)
def test_files_are_loaded_in_known_ways_alone(door):
    """A new way has to be written down here, and thought about."""
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(re.fullmatch(door, use) for use in uses(path))
    }
    assert found <= DOORS[door]


def suspicious(name, content):
    """Yield where bytes hold a pickle, or an array of Python objects, which is one."""
    if content.startswith(STARTS) or AS_TEXT.search(content):
        yield name
    if content.startswith(b"\x93NUMPY"):
        version = np.lib.format.read_magic(stream := io.BytesIO(content))
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        if read(stream)[2].hasobject:
            yield name
    if zipfile.is_zipfile(io.BytesIO(content)) and content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield from suspicious(f"{name}/{member}", archive.read(member))


def suspicious_cells(path):
    """Yield the columns of a SQLite database in which a cell holds a pickle."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            rows = connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - its own names
            columns = [column[0] for column in rows.description]
            for row in rows:
                for column, value in zip(columns, row, strict=True):
                    content = value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else b""
                    yield from suspicious(f"{path.name}: {table}.{column}", content)


def search(folder):
    """Return what in a folder holds a pickle, and how many files were looked at."""
    found, files = [], [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        content = path.read_bytes()
        database = content.startswith(b"SQLite format 3")
        found += suspicious_cells(path) if database else suspicious(str(path), content)
    return found, len(files)


def test_the_search_finds_pickles(tmp_path):
    """In files, in archives, in arrays, as text in JSON, and in a database's cells."""
    content = pickle.dumps({"a": [1, 2, 3]})
    (tmp_path / "plain").write_bytes(content)
    (tmp_path / "text.json").write_text(json.dumps({"x": base64.b64encode(content).decode()}))
    np.save(tmp_path / "objects.npy", np.array([{}, None], object))
    np.savez(tmp_path / "objects.npz", x=np.array([{}], object))
    with closing(sqlite3.connect(tmp_path / "rows.db")) as connection:
        connection.execute("CREATE TABLE attributes (hex TEXT, bytes BLOB)")
        connection.execute("INSERT INTO attributes VALUES (?, ?)", (pickle.dumps([0.5] * 9).hex(), content))
        connection.commit()
    found, _ = search(tmp_path)
    assert {Path(name).name for name in found} == {
        "plain",
        "text.json",
        "objects.npy",
        "x.npy",
        "rows.db: attributes.hex",
        "rows.db: attributes.bytes",
    }


@pytest.mark.slow
def test_nothing_that_is_written_holds_one(finished_sweep, logged_model, pictures, tmp_path):
    """Stores, artifacts, models, caches, states, trials, predictions and exports."""
    given = {
        "predict": {"model": logged_model, "data": pictures, "out": tmp_path / "p.parquet"},
        "export": {"model": logged_model, "out": tmp_path / "saved", "format": "saved_model"},
    }
    for name, values in given.items():
        job = load_job(name)
        job.run(job.parameters.parse({key: str(value) for key, value in values.items()}))
    for folder in (finished_sweep.folder, tmp_path):
        found, files = search(folder)
        assert files > 2
        assert not found
