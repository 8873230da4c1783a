"""Several processes at one cache, each ended in the ways that processes end."""

import os
import random
import signal
import time

import numpy as np
import pytest
from cache_rows import DTYPE, SHAPE, array_of, digest, files, key_of

from beauty_mlflow.cache.keys import Rows
from beauty_mlflow.cache.layout import disk_bytes
from beauty_mlflow.cache.store import Cache

KILLS = int(os.environ.get("KILLS", "3"))
WAITING = "note: waiting for another process, which is making activations (boundary mixed"


def said(lines, word):
    return [line[1] for line in lines if line[0] == word]


def test_two_processes_build_once(start_worker, make):
    """The second waits, says so once, and finds the entries whole; also if it names them in another order."""
    first = start_worker("gate", "1,2", 40, 1, 0)
    first.wait_for("row", 1)
    second = start_worker("make", "2,1", 40, 1, 0)
    assert second.process.stderr.readline().startswith(WAITING)
    first.go()
    made, _ = first.rest()
    waited, more_notes = second.rest()
    assert more_notes == ""
    assert said(made, "row")[-1] == "39"
    assert said(waited, "row") == []
    expected = [digest(entry) for entry in make(1, 2, count=40)[0]]
    assert said(made, "digest") == expected
    assert said(waited, "digest") == expected[::-1]


def test_who_waits_takes_over_from_the_dead(start_worker):
    """The kernel drops a killed builder's locks, and the one that waits goes on with its rows."""
    first = start_worker("gate", "1", 20, 5, 0)
    first.wait_for("row", 5)
    second = start_worker("make", "1", 20, 5, 0)
    assert second.process.stderr.readline().startswith(WAITING)
    first.kill()
    lines, notes = second.rest()
    assert said(lines, "row") == ["5", "10", "15"]
    assert notes == "note: going on with an interrupted pass for activations, at row 5 of 20\n"
    assert len(said(lines, "digest")) == 1


def test_overlapping_sets_of_entries_never_block_each_other(start_worker, make):
    """Six processes want different, overlapping sets of entries in different orders; all of them end."""
    sets = ["1,2,3", "3,2,1", "2,4", "4,3", "1,4", "4,2,1"]
    workers = [start_worker("make", numbers, 10, 2, 0.01) for numbers in sets]
    expected = dict(enumerate(map(digest, make(1, 2, 3, 4)[0]), start=1))
    for numbers, worker in zip(sets, workers, strict=True):
        assert said(worker.rest()[0], "digest") == [expected[int(number)] for number in numbers.split(",")]


@pytest.mark.slow
def test_killed_at_random_moments(start_worker, cache, make):
    """Each time what is there isn't found, the next process goes on at or after the last row; the end is right."""
    seed = time.time_ns() % 2**32
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails
    moments = random.Random(seed)
    reached = 0
    for _ in range(KILLS):
        worker = start_worker("make", "1,2", 3000, 3, 0.002)
        begun = worker.wait_for("row")
        assert begun >= reached
        reached = worker.wait_for("row", min(begun + moments.randrange(300), 2800))
        time.sleep(moments.uniform(0, 0.003))
        lines, _ = worker.kill()
        assert worker.process.returncode == -signal.SIGKILL, "the kill came too late"
        reached = max(reached, *map(int, said(lines, "row")), 0)
        assert cache.find(key_of(1)) is None
        assert cache.find(key_of(2)) is None
    entries, starts = make(1, 2, count=3000)
    assert starts[0] >= reached
    for number, entry in enumerate(entries, start=1):
        np.testing.assert_array_equal(entry.read(np.arange(3000)), array_of(number, 3000))


@pytest.mark.slow
def test_killed_while_finishing(start_worker, cache, make):
    """Killed around its last row: each entry is either found whole or not at all, and the end is right."""
    seed = time.time_ns() % 2**32
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails
    moments = random.Random(seed)
    for _ in range(KILLS):
        worker = start_worker("make", "1,2", 20, 10, 0)
        worker.wait_for("row", 10)
        time.sleep(moments.uniform(0, 0.01))
        worker.kill()
        for number in (1, 2):
            found = cache.find(key_of(number))
            if found:
                with found:
                    np.testing.assert_array_equal(found.read(np.arange(20)), array_of(number, 20))
        make(1, 2, count=20)[0][0].close()
        cache_folders = {f"{key_of(number).name}" for number in (1, 2)}
        assert set(files(cache.folder)) == cache_folders
        cache.prune()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_leave_it_resumable(number, start_worker, make):
    """Ctrl-C or SIGTERM in the middle of a pass: nothing that was asked for before is made again."""
    worker = start_worker("make", "1", 3000, 1, 0.005)
    last = worker.wait_for("row", 30)
    worker.kill(number)
    assert worker.process.returncode != 0
    assert make(1, count=3000)[1][0] >= last


def test_an_entry_in_use_by_another_process_stays(start_worker, cache):
    """Neither pruning nor making room removes it; once it is closed, pruning does."""
    holder = start_worker("hold", "1", 10, 10, 0)
    holder.wait_for("open")
    assert [in_use for _, in_use in cache.stored()] == [True]
    pruned = cache.prune()
    assert (pruned.gone, [why for _, why in pruned.stayed]) == ([], ["in use"])
    assert cache.usage().in_use == cache.usage().bytes > 0
    holder.go()
    assert len(said(holder.rest()[0], "digest")) == 1
    assert [one.place.name for one in cache.prune().gone] == [key_of(1).name]
    assert files(cache.folder) == []


def test_what_another_process_is_making_stays(start_worker, cache):
    """A partial entry that somebody makes is in use, and counts with its full size."""
    worker = start_worker("make", "1", 1000, 1, 0.01)
    worker.wait_for("row", 1)
    assert cache.prune().gone == []
    usage = cache.usage()
    assert usage.bytes < usage.in_use == disk_bytes(Rows(1000, SHAPE, DTYPE))
    worker.kill()
    assert [one.whole for one in cache.prune().gone] == [False]


def test_an_entry_larger_than_the_address_space(start_worker):
    """An entry of 256 MB is made and read with 96 MB of address space to spare: nothing is mapped into memory."""
    lines, errors = start_worker("limited", 256).rest()
    assert said(lines, "read") == ["256"], errors


def test_another_cache_object_of_this_process_respects_what_is_open(cache, make):
    """Locks hold between the parts of one process, too."""
    (entry,), _ = make(1)
    assert Cache(cache.folder).prune().gone == []
    entry.close()
    assert len(Cache(cache.folder).prune().gone) == 1


def test_an_entry_that_is_forgotten_is_closed(cache, make):
    """Who drops an entry without closing it doesn't block pruning for ever."""
    make(1)[0][0].close()
    entry = cache.find(key_of(1))
    assert cache.prune().gone == []
    del entry
    assert len(cache.prune().gone) == 1
