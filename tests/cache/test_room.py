import os
from functools import partial

import pytest
from cache_rows import DTYPE, SHAPE, Source, array_of, files, key_of

from beauty_mlflow.cache.keys import Rows
from beauty_mlflow.cache.layout import disk_bytes
from beauty_mlflow.cache.store import Cache
from beauty_mlflow.errors import CacheError

COUNT = 1000
SIZE = disk_bytes(Rows(COUNT, SHAPE, DTYPE))
DESCRIPTION = 4096  # bytes that are reckoned with for an entry's description


@pytest.fixture
def room_for(cache, notes):
    """A cache in the same folder with a budget of so many entries."""

    def call(entries):
        return Cache(cache.folder, budget_bytes=int(entries * SIZE), note=notes.append)

    return call


@pytest.fixture
def make(make):
    return partial(make, count=COUNT)


@pytest.fixture
def leave(cache, make):
    """Make entries and close them, each used a minute after the one before."""

    def call(*numbers):
        for minute, number in enumerate(numbers):
            make(number)[0][0].close()
            age(cache, number, 60 - minute)

    return call


def age(cache, number, minutes):
    description = cache.folder / key_of(number).name / "entry.json"
    used = description.stat().st_mtime - 60 * minutes
    os.utime(description, (used, used))


def present(cache, *numbers):
    return [number for number in numbers if cache.has(key_of(number))]


def test_disk_bytes_are_what_is_on_disk(cache, make):
    """The size that is reckoned with is the files' size."""
    make(1)
    folder = cache.folder / key_of(1).name
    assert sum((folder / name).stat().st_size for name in ("array.npy", "checksums.npy")) == SIZE - DESCRIPTION
    assert (folder / "entry.json").stat().st_size < DESCRIPTION


def test_the_oldest_unused_entries_go(cache, make, leave, room_for, notes):
    """Opening an entry makes it the newest; of the others the oldest goes, which is said."""
    leave(1, 2, 3)
    cache.find(key_of(1)).close()
    make(4, using=room_for(3))
    assert present(cache, 1, 2, 3, 4) == [1, 3, 4]
    assert notes[-1].startswith("removed from the cache to make room: 1 of its entries, ")


def test_what_is_in_use_never_goes(cache, make, leave, room_for):
    """The oldest is open, so the next one goes."""
    leave(1, 2)
    with cache.find(key_of(1)):
        age(cache, 1, 1000)
        make(3, using=room_for(2))
        assert present(cache, 1, 2, 3) == [1, 3]


def test_leftovers_go_first_however_new(cache, make, leave, room_for):
    """A partial entry that nobody makes is removed before any whole one."""
    leave(1, 2)
    with pytest.raises(KeyboardInterrupt):
        make(3, chunks=(900,), stop_at=900)
    make(4, using=room_for(3))
    assert files(cache.folder) == sorted(key_of(number).name for number in (1, 2, 4))


def test_a_pass_that_is_gone_on_with_counts_once(cache, make, room_for):
    """The rows that an entry has already are part of its size."""
    with pytest.raises(KeyboardInterrupt):
        make(1, chunks=(800,), stop_at=900)
    assert make(1, using=room_for(1))[1] == [800]


def test_nothing_goes_where_it_can_never_fit(cache, make, leave, room_for):
    """The error says what is wanted, what there is and what would do; the old entries stay."""
    leave(1, 2)
    message = (
        r"97\.1 kB doesn't fit in the cache: its budget is 32\.4 kB\. Raise cache_gb to .* or more, or take cache=none"
    )
    with pytest.raises(CacheError, match=message):
        make(3, 4, 5, using=room_for(1))
    assert present(cache, 1, 2) == [1, 2]


def test_entries_in_use_are_named_in_the_error(make, room_for):
    """What is open can't go, which the error says."""
    entries, _ = make(1, 2)
    with pytest.raises(CacheError, match=r"doesn't fit .*, of which 56\.9 kB is in use"):
        make(3, using=room_for(2))
    assert len(entries) == 2


def test_what_is_being_made_counts_in_full(cache, make, room_for):
    """A second pass may not fill the room that a first one will need."""

    def produce(_, start):
        with pytest.raises(CacheError, match="doesn't fit in the cache"):
            make(2, using=room_for(1.5))
        make(2, using=room_for(2))
        yield [array_of(1, COUNT)[start:]]

    room_for(2).ensure({key_of(1): Rows(COUNT, SHAPE, DTYPE)}, produce)[key_of(1)].close()
    assert present(cache, 1, 2) == [1, 2]


def test_more_than_the_disk_has_is_refused_at_once(cache):
    """Before anything is computed: what is missing and what to do, however large the budget."""
    source = Source(1)
    with pytest.raises(CacheError, match=r"doesn't fit on the disk of the cache .* is missing.*lower cache_gb"):
        cache.ensure({key_of(1): Rows(1, (2**50,), "float16")}, source)
    assert source.starts == []
    assert files(cache.folder) == []


def test_usage(cache, make, leave, room_for):
    """Bytes, those in use, and what new entries could take once the rest goes."""
    leave(1)
    make(2)
    usage = room_for(3).usage()
    assert SIZE - DESCRIPTION < usage.in_use <= SIZE
    assert usage.bytes - usage.in_use == pytest.approx(usage.in_use, abs=5)
    assert usage.available == usage.budget - usage.in_use
    unlimited = cache.usage()
    assert unlimited.available == pytest.approx(unlimited.disk_free + usage.in_use, abs=5)


def test_prune_keeps_the_newest_that_fit(cache, leave):
    """Down to so many bytes, of one kind or of all; what stays comes with the reason."""
    leave(1, 2, 3)
    assert cache.prune(kind="costs").gone == []
    pruned = cache.prune(keep_bytes=2 * SIZE, kind="activations")
    assert [one.place.name for one in pruned.gone] == [key_of(1).name]
    assert [(one.place.name, why) for one, why in pruned.stayed] == [
        (key_of(number).name, "fits in the 64.7 kB to keep") for number in (2, 3)
    ]
    assert len(cache.prune().gone) == 2


def test_prune_removes_what_interrupted_removals_have_left(cache, leave):
    """A folder that was renamed to be removed, and the lock of an entry that is gone, go with whoever comes next."""
    leave(1)
    left = cache.folder / f"{key_of(2).name}.0123abcd.removed"
    left.mkdir()
    (left / "array.npy").write_bytes(b"rows")
    (cache.folder / f"{key_of(3).name}.lock").touch()
    cache.prune()
    assert [path.name for path in cache.folder.iterdir()] == ["cache.lock"]


def test_what_isnt_ours_is_left_alone(cache, leave):
    """Files and folders with other names are neither counted nor removed."""
    leave(1)
    (cache.folder / "mine").mkdir()
    (cache.folder / "notes.txt").write_text("mine")
    cache.prune()
    assert files(cache.folder) == ["mine", "notes.txt"]
    assert cache.usage().bytes == 0
