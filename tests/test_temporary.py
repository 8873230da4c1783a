"""What is written under a temporary name: whose it is, and what a killed process has left of it."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from ageing import grow_old
from hypothesis import given
from hypothesis import strategies as st

from beauty_mlflow import temporary
from beauty_mlflow.files import write_text
from beauty_mlflow.temporary import (
    abandoned,
    abandoned_beside,
    abandoned_homes,
    system_folder,
    temporary_file,
    temporary_folder,
    temporary_home,
)

# a process that writes a file and a folder, has something in the system's temporary folder, and waits to be killed
WRITER = """
import sys, tempfile
from pathlib import Path
from beauty_mlflow.temporary import temporary_file, temporary_folder, temporary_home
folder = Path(sys.argv[1])
with temporary_home(), temporary_file(folder / "table.csv") as file, temporary_folder(folder / "set") as made:
    file.write_bytes(b"half")
    (made / "one").write_bytes(b"12")
    Path(tempfile.mkdtemp(), "model").write_bytes(b"123")
    print("there", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(tmp_path, monkeypatch):
    """A living process that writes into tmp_path / "out"; the system's folder is tmp_path / "system"."""
    system = tmp_path / "system"
    system.mkdir()
    monkeypatch.setenv("TMPDIR", str(system))
    monkeypatch.setattr(tempfile, "tempdir", None)
    command = [sys.executable, "-c", WRITER, str(tmp_path / "out")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"there\n"
    yield process
    process.kill()
    process.communicate()


def test_what_a_living_process_writes_is_left_alone(writer, tmp_path):
    grow_old(tmp_path)
    assert abandoned(tmp_path / "out") == abandoned_homes() == []


def test_what_a_killed_process_has_left_is_found_and_removed(writer, tmp_path):
    """The file, the folder with what is in it, and whatever it had in the system's folder; then nothing."""
    out, system = tmp_path / "out", tmp_path / "system"
    writer.kill()
    writer.wait()
    grow_old(tmp_path)
    found = [*abandoned(out), *abandoned_homes()]
    assert sorted((Path(one.where).name.split(".")[1], one.size) for one in found) == [
        ("beauty", 3),
        ("set", 2),
        ("table", 4),
    ]
    assert all(5 < time.time() - one.since < 100 for one in found)
    assert all(one.mend() for one in found)
    assert list(out.iterdir()) == list(system.iterdir()) == []
    assert [*abandoned(out), *abandoned_homes()] == []
    assert all(one.mend() for one in found)  # somebody else was first


def test_what_somebody_takes_meanwhile_is_left_alone(tmp_path):
    """The lock is asked for again as it is mended."""
    path = tmp_path / ".table.csv.abcdefgh.tmp.csv"
    path.touch()
    grow_old(tmp_path)
    (found,) = abandoned(tmp_path)
    with path.open() as stream:
        temporary._lock(stream.fileno())
        assert not found.mend()
    assert path.exists()


def test_a_file_that_was_made_just_now_is_left_alone(tmp_path):
    """Its lock may be about to be taken."""
    (tmp_path / ".table.csv.abcdefgh.tmp.csv").touch()
    assert abandoned(tmp_path) == []


def test_other_files_are_none_of_ours(tmp_path):
    """A user's own hidden files, a link with such a name, a pipe that nobody writes into."""
    for name in (".hidden", ".hidden.tmp", "notes.abcdefgh.tmp", ".a.ABCDEFGH.tmp", ".a.abcdefgh.temporary"):
        (tmp_path / name).touch()
    (tmp_path / ".link.abcdefgh.tmp").symlink_to(tmp_path / ".hidden")
    grow_old(tmp_path)
    os.mkfifo(tmp_path / ".pipe.abcdefgh.tmp")
    assert abandoned(tmp_path) == []


def test_a_folder_alone_or_all_below_it(tmp_path):
    deep = tmp_path / "deep"
    deep.mkdir()
    for folder in (tmp_path, deep):
        (folder / ".a.abcdefgh.tmp").touch()
    grow_old(tmp_path)
    assert [one.where for one in abandoned_beside(tmp_path)] == [str(tmp_path / ".a.abcdefgh.tmp")]
    assert len(abandoned(tmp_path)) == 2
    assert abandoned_beside(tmp_path / "missing") == abandoned(tmp_path / "missing") == []


def test_nothing_is_left_by_who_ends_well_or_badly(tmp_path):
    """Neither of a file that took its place, nor of one whose work failed."""
    write_text(tmp_path / "a.txt", "whole")
    with pytest.raises(KeyError), temporary_file(tmp_path / "b"), temporary_folder(tmp_path / "c"):
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=255))
def test_every_name_has_a_temporary_one(name):
    """It fits into a folder whatever the name's length in bytes, and is known again as ours."""
    path = Path("folder") / f"x{name}"
    made = f"{temporary._prefix(path)}abcdefgh{temporary._suffix(path)}"
    assert len(os.fsencode(made)) < 255
    assert temporary._NAME.fullmatch(made)


def test_a_process_has_its_own_place_in_the_systems_folder(tmp_path, monkeypatch):
    """Libraries' files are there as well, and go with it; where there is no room for it, one goes without."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with temporary_home():
        with tempfile.NamedTemporaryFile() as file:
            assert Path(file.name).parent.parent == system_folder() == tmp_path
        Path(tempfile.mkdtemp(), "left").touch()
    assert list(tmp_path.iterdir()) == []
    assert tempfile.gettempdir() == str(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    with temporary_home():
        assert tempfile.gettempdir() == "/proc/nowhere"
