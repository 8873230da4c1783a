"""What killed processes have left in the cache."""

import os

from cache_rows import key_of

from beauty_mlflow.cache import leftovers
from beauty_mlflow.cache.layout import Place
from beauty_mlflow.cache.leftovers import find


def kinds(cache):
    return [one.kind for one in find(cache.folder)]


def test_what_is_being_made_or_read_or_whole_is_none(start_worker, cache, make):
    """While a living process makes one entry, and another is open."""
    make(1)
    worker = start_worker("gate", "2", 10, 2, 0)
    worker.wait_for("row", 2)
    assert kinds(cache) == []
    worker.go()
    worker.rest()
    assert kinds(cache) == []


def test_an_entry_that_a_killed_process_has_begun(start_worker, cache, make):
    """It is found with its size and how far it had come, and removed; the whole one stays."""
    make(1)
    worker = start_worker("gate", "2", 10, 2, 0)
    worker.wait_for("row", 2)
    worker.kill()
    (found,) = find(cache.folder)
    assert (found.kind, found.where) == (leftovers.PARTIAL, key_of(2).name)
    assert found.size > 0
    assert "the same command goes on there" in found.details
    assert found.mend()
    assert kinds(cache) == []
    assert cache.has(key_of(1))
    assert not Place(cache.folder, key_of(2).name).lock.exists()
    assert not found.mend()


def test_what_somebody_goes_on_with_meanwhile_stays(start_worker, cache, make):
    """Its lock is taken as it is mended."""
    worker = start_worker("gate", "2", 10, 2, 0)
    worker.wait_for("row", 2)
    worker.kill()
    (found,) = find(cache.folder)
    other = start_worker("gate", "2", 10, 2, 0)
    other.wait_for("row", 2)
    assert not found.mend()
    other.go()
    assert ("open", "1") in other.rest()[0]
    assert not found.mend()
    assert cache.has(key_of(2))


def test_an_entry_that_nothing_describes(cache, make):
    (entry,), _ = make(1)
    entry.close()
    (cache.folder / key_of(1).name / "entry.json").write_text("{")
    (found,) = find(cache.folder)
    assert found.kind == leftovers.DAMAGED
    assert found.mend()
    assert kinds(cache) == []


def test_what_is_left_of_a_removal_and_locks_of_nothing(cache, make):
    """As a process leaves them that is killed while it removes an entry."""
    (entry,), _ = make(1)
    entry.close()
    whole = cache.folder / key_of(1).name
    whole.rename(whole.with_name(f"{whole.name}.12345678.removed"))
    deleted, locks = find(cache.folder)
    assert (deleted.kind, locks.kind) == (leftovers.DELETED, leftovers.LOCKS)
    assert deleted.size > 0
    assert locks.details == "1 files"
    assert deleted.mend()
    assert locks.mend()
    assert kinds(cache) == []
    assert os.listdir(cache.folder) in ([], ["cache.lock"])  # noqa: PTH208


def test_no_cache_has_nothing_and_none_is_made(tmp_path):
    assert find(tmp_path / "none") == []
    assert not (tmp_path / "none").exists()
