import subprocess

import numpy as np
import pytest
from cache_rows import DTYPE, SHAPE, Source, array_of, files, key_of
from lacking import lacks

from beauty_mlflow.cache.keys import Rows
from beauty_mlflow.cache.store import Cache
from beauty_mlflow.errors import CacheError

COUNT = 20_000  # rows, half a megabyte


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        lacks(f"a small file system can't be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(path):
    with path.open("wb", buffering=0) as stream:
        for size in (2**16, 1):
            try:
                while True:
                    stream.write(b"x" * size)
            except OSError:
                continue


def test_a_disk_that_fills_up_meanwhile(small_disk):
    """The error says what to do, the partial entry gives its room back, and with room it is made as ever."""
    cache = Cache(small_disk / "entries")
    wanted = {key_of(1): Rows(COUNT, SHAPE, DTYPE)}
    rows = array_of(1, COUNT)

    def produce(_, start):
        yield [rows[start:1000]]
        fill(small_disk / "others")
        yield [rows[1000:]]

    with pytest.raises(CacheError, match=r"is full\. Make room .*lower cache_gb, take cache=none") as caught:
        cache.ensure(wanted, produce)
    assert caught.value.exit_status == 1
    assert files(cache.folder) == []
    (small_disk / "others").unlink()
    with cache.ensure(wanted, Source(COUNT, (1000,)))[key_of(1)] as entry:
        np.testing.assert_array_equal(entry.read(np.arange(COUNT)), rows)


def test_unused_entries_give_their_room_before(small_disk):
    """Without any budget, what isn't in use goes when the disk needs it; else the pass doesn't even begin."""
    cache = Cache(small_disk / "entries", note=lambda _: None)
    rows = Rows(COUNT, SHAPE, DTYPE)
    cache.ensure({key_of(1): rows}, Source(COUNT, (1000,)))[key_of(1)].close()
    with cache.ensure({key_of(2): rows}, Source(COUNT, (1000,)))[key_of(2)]:
        assert not cache.has(key_of(1))
        source = Source(COUNT)
        with pytest.raises(CacheError, match="doesn't fit on the disk"):
            cache.ensure({key_of(3): rows}, source)
        assert source.starts == []
