"""Files from elsewhere, as the cache keeps them and speaks of them."""

import os
from contextlib import contextmanager

import pytest

from beauty_mlflow.cache.filed import folder_of
from beauty_mlflow.cache.files import Files
from beauty_mlflow.cache.sizes import MB
from beauty_mlflow.cache.store import Cache


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the user's cache, as ``Files`` finds it."""
    monkeypatch.setenv("BEAUTY_CACHE_DIR", str(tmp_path))
    return Cache().folder


@pytest.fixture
def leave_half_written(folder):
    """Leave a file as a process does that was killed while it wrote it."""

    def call(name):
        path = folder_of(folder) / "ab" / f".{name}.12345678.tmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
        os.utime(path, (1, 1))
        return path

    return call


@pytest.mark.parametrize("cache_gb", [0, 0.001])
def test_what_is_half_written_goes_before_the_first_file_only(folder, leave_half_written, cache_gb):
    """To find it, all files are looked through: that isn't done again as long as the disk has room."""
    files = Files(cache_gb)
    first = leave_half_written("first")
    files.keep(b"x" * 9000, evict=True)
    assert not first.exists()
    second = leave_half_written("second")
    for number in range(30):  # with the smaller limit, room is asked for again and again
        files.keep(bytes([number]) * 9000, evict=True)
    assert second.exists()
    assert sum(one.size for one, _ in Cache().stored()) == 31 * 9000


def test_what_pruning_keeps_of_files_is_one_line(folder):
    """As what it removes is, though they are removed in many steps."""
    files = Files(0.001)
    for number in range(40):
        files.keep(bytes([number]) * 1000, evict=False)
    pruned = Cache().prune(keep_bytes=30_000)
    ((stayed, why),) = pruned.stayed
    (gone,) = pruned.gone
    assert why == "fits in the 30 kB to keep"
    assert len(stayed.paths) == stayed.size // 1000 <= 30
    assert len(stayed.paths) + len(gone.paths) == 40


def test_verifying_files_shows_how_far_it_is(folder):
    """The bar moves in many steps, to its end; what was read is said in one line."""
    files = Files(0.1)
    for number in range(8):
        files.keep(bytes([number]) * (3 * MB // 2), evict=False)
    told = []

    class Bar:
        def update(self, n=1):
            told.append(n)

    @contextmanager
    def progress(_, total):
        yield Bar()
        assert sum(told) == total == 12

    whole, problems = Cache().verify(progress=progress)
    assert ([one.words for one in whole], problems) == (["8 files, each fetched once"], [])
    assert told == [1, 2] * 4


def test_how_many_files_were_damaged_is_said_once(folder, capsys):
    """Each is removed as it is read, and has to be fetched again: the disk may be failing."""
    files = Files(0.1)
    kept = [files.keep(bytes([number]) * 1000, evict=False) for number in range(4)]
    for sha256 in kept[:2]:
        (folder_of(folder) / sha256[:2] / sha256).write_bytes(b"damaged")
    for _ in range(2):
        assert [files.read(sha256) is None for sha256 in kept] == [True, True, False, False]
    assert capsys.readouterr().err == ""
    del files
    assert capsys.readouterr().err == (
        f"note: 2 pictures were damaged in the cache {folder}, and fetched again. Is its disk sound?\n"
    )
