import resource
from contextlib import contextmanager

import numpy as np
import pytest
from cache_rows import DTYPE, SHAPE, Source, array_of, files, key_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beauty_mlflow.cache.keys import Rows
from beauty_mlflow.cache.store import Cache
from beauty_mlflow.errors import CacheError

SEQUENCES = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@contextmanager
def largest_file(size):
    """Let the system refuse to write any file beyond this size in bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_entries_are_made_once_in_one_pass_and_found_again(cache, make):
    """Two entries come from one call of produce; asking again makes nothing."""
    (one, two), starts = make(1, 2)
    assert starts == [0]
    np.testing.assert_array_equal(one.read(np.arange(10)), array_of(1, 10))
    np.testing.assert_array_equal(two.read(np.arange(10)), array_of(2, 10))
    assert make(2, 1)[1] == []
    assert cache.has(key_of(1))
    with cache.find(key_of(1)) as found:
        assert (found.key, found.rows) == (key_of(1), Rows(10, SHAPE, DTYPE))


def test_only_what_is_missing_is_made(make):
    """Produce is asked for the missing key alone."""
    make(1)
    entries, starts = make(1, 2)
    assert starts == [0]
    np.testing.assert_array_equal(entries[1].read([9]), array_of(2, 10)[[9]])


def test_what_isnt_there_isnt_found(cache):
    """An unknown key gives None and leaves nothing behind."""
    assert cache.find(key_of(1)) is None
    assert not cache.has(key_of(1))
    assert not cache.folder.exists()


def test_the_files_are_ordinary_arrays(cache, make):
    """NumPy maps the array and its checksums without our help."""
    make(1)
    folder = cache.folder / key_of(1).name
    np.testing.assert_array_equal(np.load(folder / "array.npy", mmap_mode="r"), array_of(1, 10))
    assert np.load(folder / "checksums.npy").dtype == np.uint32
    assert files(folder) == ["array.npy", "checksums.npy", "entry.json"]


@SEQUENCES
@given(
    st.integers(0, 30),
    st.lists(st.tuples(st.lists(st.integers(0, 7), min_size=1).filter(any), st.integers(0, 30)), max_size=4),
)
def test_any_chunks_and_interruptions_give_the_same_bytes(tmp_path_factory, count, attempts):
    """However the rows come and whenever it is interrupted: never found half, and in the end exactly the rows."""
    cache = Cache(tmp_path_factory.mktemp("cache"), note=lambda _: None)
    wanted = {key_of(number): Rows(count, SHAPE, DTYPE) for number in (1, 2)}
    for chunks, stop_at in attempts:
        source = Source(count, chunks, stop_at)
        try:
            for entry in cache.ensure(wanted, source).values():
                entry.close()
        except KeyboardInterrupt:
            assert cache.find(key_of(1)) is None
    for key, entry in cache.ensure(wanted, Source(count, (5,))).items():
        with entry:
            raw = (cache.folder / key.name / "array.npy").read_bytes()
            assert raw.endswith(array_of(int(key.content["boundary"][5:]), count).tobytes())
            np.testing.assert_array_equal(np.load(cache.folder / key.name / "array.npy"), entry.read(np.arange(count)))


def test_an_interrupted_pass_goes_on_where_it_stopped(cache, make, notes):
    """The rows before the interruption aren't made again, which is said."""
    with pytest.raises(KeyboardInterrupt):
        make(1, chunks=(2,), stop_at=7)
    assert cache.find(key_of(1)) is None
    (entry,), starts = make(1)
    assert starts == [6]
    assert notes == ["going on with an interrupted pass for activations, at row 6 of 10"]
    np.testing.assert_array_equal(entry.read(np.arange(10)), array_of(1, 10))


def test_a_pass_that_lacks_only_its_end_is_finished(cache, make):
    """Interrupted after the last row: nothing is asked for, and the entries are whole."""

    def produce(keys, start):
        yield from Source(10)(keys, start)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.ensure({key_of(number): Rows(10, SHAPE, DTYPE) for number in (1, 2)}, produce)
    assert not cache.has(key_of(1))
    (one, two), starts = make(1, 2)
    assert starts == []
    np.testing.assert_array_equal(one.read(np.arange(10)), array_of(1, 10))
    np.testing.assert_array_equal(two.read(np.arange(10)), array_of(2, 10))


def test_nothing_wanted_is_nothing_made(cache):
    """No keys, no entries, no folder."""
    assert cache.ensure({}, Source(0)) == {}
    assert not cache.folder.exists()


def test_passes_of_different_length_are_joined(make):
    """Where one entry has more rows than the other, the pass begins at the fewest and nothing is doubled."""
    with pytest.raises(KeyboardInterrupt):
        make(1, chunks=(2,), stop_at=7)
    with pytest.raises(KeyboardInterrupt):
        make(2, chunks=(3,), stop_at=4)
    (one, two), starts = make(1, 2, chunks=(4, 1))
    assert starts == [3]
    np.testing.assert_array_equal(one.read(np.arange(10)), array_of(1, 10))
    np.testing.assert_array_equal(two.read(np.arange(10)), array_of(2, 10))


@SEQUENCES
@given(st.data())
def test_whatever_a_crash_leaves_is_made_good(tmp_path_factory, data):
    """The files of an interrupted pass may be cut or zeroed anywhere: what doesn't fit its checksum is made again."""
    cache = Cache(tmp_path_factory.mktemp("cache"), note=lambda _: None)
    wanted = {key_of(1): Rows(10, SHAPE, DTYPE)}
    with pytest.raises(KeyboardInterrupt):
        cache.ensure(wanted, Source(10, (2,), stop_at=8))
    for path in sorted((cache.folder / f"{key_of(1).name}.partial").iterdir()):
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)), path.name)
        filler = b"\0" * data.draw(st.integers(0, len(whole) + 100 - cut), "zeros") if data.draw(st.booleans()) else b""
        path.write_bytes(whole[:cut] + filler)
    source = Source(10, (2,))
    with cache.ensure(wanted, source)[key_of(1)] as entry:
        np.testing.assert_array_equal(entry.read(np.arange(10)), array_of(1, 10))
    assert source.starts[0] <= 8


def test_half_written_descriptions_dont_stay(cache, make):
    """What a killed writer of the description has left isn't in the whole entry."""
    with pytest.raises(KeyboardInterrupt):
        make(1, stop_at=5)
    (cache.folder / f"{key_of(1).name}.partial" / ".entry.json.abc.tmp.json").write_text("{")
    make(1)
    assert files(cache.folder / key_of(1).name) == ["array.npy", "checksums.npy", "entry.json"]


def test_errors_of_the_producer_come_out_as_they_are(cache, make):
    """Also one that looks like the disk's; and what was made before it stays."""

    def produce(_, start):
        yield [array_of(1, 10)[start : start + 4]]
        raise OSError(28, "the picture's disk is full")

    with pytest.raises(OSError, match="the picture's disk is full"):
        cache.ensure({key_of(1): Rows(10, SHAPE, DTYPE)}, produce)
    assert make(1)[1] == [4]


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([np.zeros((3, 4, 2), DTYPE)], "takes rows of"),
        ([np.zeros((3, 4, 3), np.float32)], "takes rows of"),
        ([np.zeros((11, 4, 3), DTYPE)], "takes 10 rows, got 11"),
        ([np.zeros((9, 4, 3), DTYPE)], "takes 10 rows, got 9"),
        ([np.zeros((9, 4, 3), DTYPE)] * 2, "zip"),
    ],
)
def test_wrong_rows_are_refused(cache, blocks, message):
    """Another shape or type, too many rows, too few, too many arrays: never a whole entry."""
    with pytest.raises(ValueError, match=message):
        cache.ensure({key_of(1): Rows(10, SHAPE, DTYPE)}, lambda *_: iter([blocks]))
    assert cache.find(key_of(1)) is None


def test_entries_of_different_length_cant_be_made_in_one_pass(cache):
    """All of a pass have as many rows."""
    with pytest.raises(ValueError, match="as many rows each"):
        cache.ensure({key_of(1): Rows(1, SHAPE, DTYPE), key_of(2): Rows(2, SHAPE, DTYPE)}, Source(2))


def test_another_shape_under_the_same_key_is_refused(cache, make):
    """A key that doesn't tell two arrays apart is an error, not a surprise in training."""
    make(1)
    with pytest.raises(CacheError, match=r"holds Rows\(count=10.*expected Rows\(count=11.*beauty cache prune"):
        make(1, count=11)
    assert cache.has(key_of(1))


def test_a_partial_entry_of_another_shape_starts_over(make):
    """Leftovers that don't fit are made anew."""
    with pytest.raises(KeyboardInterrupt):
        make(1, stop_at=5)
    assert make(1, count=12)[1] == [0]


def test_a_folder_that_cannot_be_is_named(tmp_path):
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "entries")
    with pytest.raises(
        CacheError, match=f"The cache {cache.folder} can't be used.*BEAUTY_CACHE_DIR, or take cache=none"
    ):
        cache.ensure({key_of(1): Rows(10, SHAPE, DTYPE)}, Source(10))
    assert cache.find(key_of(1)) is None


def test_a_file_that_cannot_grow_is_an_error_and_stays_resumable(make):
    """A limit on the file's size stops the pass with a sentence; without the limit it goes on."""
    with largest_file(1000), pytest.raises(CacheError, match=r"can't be used.*File too large"):
        make(1, count=100)
    assert make(1, count=100)[1] == [36]


def test_progress_counts_the_rows(cache):
    """What is there is checked; then the bar begins where the pass goes on, and ends at the count."""
    seen = []

    class Bar:
        def __init__(self, *arguments):
            seen.append(arguments)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def update(self, n=1):
            seen.append(n)

    wanted = {key_of(1): Rows(10, SHAPE, DTYPE)}
    with pytest.raises(KeyboardInterrupt):
        cache.ensure(wanted, Source(10, (3,), stop_at=5))
    cache.ensure(wanted, Source(10, (5,)), Bar)[key_of(1)].close()
    assert seen == [("Checking activations", 3), 3, ("Caching activations", 10), 3, 5, 2]
