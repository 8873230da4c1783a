from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cache_rows import array_of, files, key_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beauty_mlflow.errors import CacheError

SAME_ENTRY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture
def entry(make):
    return make(1, count=50)[0][0]


@pytest.fixture
def flip(cache):
    """Flip a byte of a file of entry 1; from the end if the position is negative."""

    def call(name, position, bits=1):
        path = cache.folder / key_of(1).name / name
        content = bytearray(path.read_bytes())
        content[position] ^= bits
        path.write_bytes(content)

    return call


def test_any_rows_in_any_order(entry):
    """Single rows, neighbours, repetitions, none: as indexing the array itself would give."""

    @SAME_ENTRY
    @given(st.lists(st.integers(0, 49), max_size=30))
    def check(indices):
        got = entry.read(np.array(indices, np.int64))
        np.testing.assert_array_equal(got, array_of(1, 50)[np.array(indices, int)])
        assert got.dtype == np.float16

    check()


def test_what_is_read_is_the_callers(entry):
    """Writing into it changes neither the entry nor later reads."""
    entry.read([3])[:] = 0
    np.testing.assert_array_equal(entry.read([3]), array_of(1, 50)[[3]])


@pytest.mark.parametrize("indices", [[-1], [50], [0, 99]])
def test_rows_that_arent_there_are_refused(entry, indices):
    """Also negative numbers, which NumPy would count from the end."""
    with pytest.raises(IndexError, match="has the rows 0 to 49"):
        entry.read(indices)


def test_a_closed_entry_isnt_read(entry):
    """Closing twice is no error; reading after it is."""
    entry.close()
    entry.close()
    with pytest.raises(ValueError, match="is closed"):
        entry.read([0])


def test_many_threads_read_at_once(entry):
    """Threads get the right rows, each row being checked by whoever is first."""

    def rows(seed):
        indices = np.random.default_rng(seed).integers(0, 50, 200)
        return np.array_equal(entry.read(indices), array_of(1, 50)[indices])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(rows, range(100)))


@pytest.mark.parametrize("name", ["array.npy", "checksums.npy"])
def test_a_flipped_byte_is_noticed_when_its_row_is_read(name, entry, cache, make, flip):
    """The error names entry, row and remedy; the entry is gone, and the same call makes it anew."""
    entry.close()
    flip(name, -1)
    (again,), starts = make(1, count=50)
    assert starts == []
    np.testing.assert_array_equal(again.read(np.arange(49)), array_of(1, 50)[:49])
    message = (
        rf"{key_of(1).name} \(boundary mixed1, view 0\) is damaged: row 49 has a wrong checksum\. "
        "It is removed now; run the same command again, which makes it anew"
    )
    with pytest.raises(CacheError, match=message) as caught:
        again.read([3, 49])
    assert caught.value.exit_status == 1
    assert files(cache.folder) == []
    (new,), starts = make(1, count=50)  # although the damaged one is still open
    assert starts == [0]
    np.testing.assert_array_equal(new.read([49]), array_of(1, 50)[[49]])


def test_a_row_is_checked_once(entry, flip):
    """What was read and found good isn't checked again by this process, so that even later damage comes through."""
    good = entry.read([49])
    flip("array.npy", -1)
    assert not np.array_equal(entry.read([49]), good)


def test_damage_elsewhere_doesnt_remove_what_was_made_anew(entry, cache, make, flip):
    """Who still has the damaged entry open removes that one only."""
    other = cache.find(key_of(1))
    (cache.folder / key_of(1).name / "array.npy").write_bytes(
        (cache.folder / key_of(1).name / "array.npy").read_bytes()[:-1] + b"\xff"
    )
    with pytest.raises(CacheError, match="damaged"):
        entry.read([49])
    assert make(1, count=50)[1] == [0]
    with other, pytest.raises(CacheError, match="damaged"):
        other.read([49])
    assert cache.has(key_of(1))


def test_a_file_that_becomes_short_is_noticed(entry, cache):
    """Rows that have vanished under an open entry are named."""
    path = cache.folder / key_of(1).name / "array.npy"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(CacheError, match="is damaged: row 48 is missing"):
        entry.read(np.arange(50))
    assert not cache.has(key_of(1))


@pytest.mark.parametrize("name", ["array.npy", "checksums.npy", "entry.json"])
def test_any_flipped_byte_is_noticed_or_harmless(name, entry, cache, make, flip, notes):
    """Wherever a byte is flipped, no wrong row is ever read, and the same call ends with the right rows."""
    entry.close()
    size = (cache.folder / key_of(1).name / name).stat().st_size

    @SAME_ENTRY
    @given(st.integers(0, size - 1), st.integers(1, 255))
    def check(position, bits):
        for opened in make(1, count=50)[0]:
            opened.close()
        flip(name, position % (cache.folder / key_of(1).name / name).stat().st_size, bits)
        (again,), starts = make(1, count=50)
        try:
            rows = again.read(np.arange(50))
        except CacheError:
            assert not starts
            (again,), _ = make(1, count=50)
            rows = again.read(np.arange(50))
        np.testing.assert_array_equal(rows, array_of(1, 50))

    check()
    assert any("was damaged" in note for note in notes)


@pytest.mark.parametrize("name", ["array.npy", "checksums.npy", "entry.json"])
def test_a_missing_or_short_file_is_made_anew_at_once(name, entry, cache, make, notes):
    """What can be seen on opening is mended by the same call, and said."""
    for remove in (True, False):
        path = cache.folder / key_of(1).name / name
        path.unlink() if remove else path.write_bytes(path.read_bytes()[:-1])
        notes.clear()
        (again,), starts = make(1, count=50)
        if name == "entry.json" and not remove:  # only its last line end is gone
            assert (starts, notes) == ([], [])
        else:
            assert starts == [0]
            assert f"the cache's {key_of(1).name} was damaged" in notes[0]
        np.testing.assert_array_equal(again.read([7]), array_of(1, 50)[[7]])
