"""Keeping the cache within its budget and its disk. All of this happens under the lock of the whole cache."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from beauty_mlflow.cache.contents import listed, scan, sweep
from beauty_mlflow.cache.inventory import Stored
from beauty_mlflow.cache.layout import Place
from beauty_mlflow.cache.sizes import GB, size_text
from beauty_mlflow.errors import NoRoomError
from beauty_mlflow.files import free_bytes
from beauty_mlflow.locks import Lock


@dataclass(frozen=True)
class Usage:
    """How large the cache is, in bytes.

    Args:
        bytes: What the entries take now.
        in_use: What entries take that are read or made at the moment, those being made with their full size.
        disk_free: What the disk has left.
        budget: What the entries may take; None is no limit but the disk.
    """

    bytes: int
    in_use: int
    disk_free: int
    budget: int | None

    @property
    def available(self) -> int:
        """Bytes that new entries can take, once all that isn't in use has gone for them."""
        on_disk = self.disk_free + self.bytes - self.in_use
        return max(0, on_disk if self.budget is None else min(on_disk, self.budget - self.in_use))


@dataclass(frozen=True)
class Pruned:
    """What pruning removed, and what stayed and why."""

    gone: list[Stored]
    stayed: list[tuple[Stored, str]]


def measure(folder: Path, budget: int | None) -> Usage:
    """Return how large the cache is."""
    stored = scan(folder)
    used = sum(one.full_size for one in stored if one.in_use())
    return Usage(sum(one.size for one in stored), used, free_bytes(folder), budget)


def make_room(folder: Path, wanted: Mapping[Place, int], budget: int | None) -> list[Stored]:
    """Remove unused entries, leftovers first, then the oldest, until what is wanted fits.

    Args:
        folder: The cache's.
        wanted: The bytes of each entry that is to be made; its lock is ours.
        budget: Bytes that all entries may take.

    Returns:
        What was removed.

    Raises:
        NoRoomError: It can't fit; nothing was removed.
    """
    sweep(folder)
    stored = scan(folder)
    begun = sum(one.size for one in stored if one.place in wanted)
    with ExitStack() as held:
        free, busy = _take([one for one in stored if one.place not in wanted], held)
        needed = sum(wanted.values())
        kept = sum(one.full_size for one in busy)
        removable = sum(one.size for one, _ in free)
        coming = sum(one.full_size - one.size for one in busy)
        over_disk = needed - begun + coming - free_bytes(folder)
        over_budget = needed + kept + removable - budget if budget is not None else over_disk
        if over_budget > removable and budget is not None:
            raise NoRoomError(_over_budget(needed, kept, budget, over_budget - removable))
        if over_disk > removable:
            raise NoRoomError(_over_disk(folder, needed - begun, over_disk - removable))
        return _remove_until(free, max(over_disk, over_budget))


def room_for_files(folder: Path, wanted: int, budget: int | None, unused_since: float | None) -> int:
    """Make room for files, as far as that goes; what is stale is only swept where the disk is short.

    Args:
        folder: The cache's.
        wanted: Bytes.
        budget: Bytes that the whole cache may take.
        unused_since: What wasn't used since then, in seconds since 1970, may be removed for them; None: nothing may.

    Returns:
        Bytes that they can take, at most those wanted.
    """
    stored = scan(folder)
    full = sum(one.full_size for one in stored)
    coming = full - sum(one.size for one in stored)
    if free_bytes(folder) - coming < wanted:
        sweep(folder)
    free = free_bytes(folder) - coming
    spare = free if budget is None else min(free, budget - full)
    if spare < wanted and unused_since is not None:
        with ExitStack() as held:
            old, _ = _take([one for one in stored if one.used < unused_since], held)
            spare += sum(one.size for one in _remove_until(old, wanted - spare))
    return max(0, min(wanted, spare))


def prune(folder: Path, keep: int, kind: str) -> Pruned:
    """Remove unused entries of a kind, leftovers first, then the oldest, until ``keep`` bytes or fewer are left."""
    sweep(folder)
    stored = scan(folder, kind)
    with ExitStack() as held:
        free, busy = _take(stored, held)
        gone = _remove_until(free, sum(one.size for one in stored) - keep)
    fits = listed([one for one, _ in free if one not in gone])
    why = f"fits in the {size_text(keep)} to keep"
    return Pruned(listed(gone), [*((one, "in use") for one in busy), *((one, why) for one in fits)])


def _take(stored: list[Stored], held: ExitStack) -> tuple[list[tuple[Stored, Lock]], list[Stored]]:
    """Lock what nobody uses; return it, and what is used."""
    free, busy = [], []
    for one in stored:
        lock = one.try_take()
        if lock:
            held.callback(lock.release)
            free.append((one, lock))
        else:
            busy.append(one)
    return free, busy


def _remove_until(free: list[tuple[Stored, Lock]], over: int) -> list[Stored]:
    gone = []
    for one, lock in free:
        if over <= 0:
            break
        one.remove(lock)
        gone.append(one)
        over -= one.size
    return gone


def _over_budget(needed: int, kept: int, budget: int, short: int) -> str:
    used = f", of which {size_text(kept)} is in use" if kept else ""
    return (
        f"{size_text(needed)} doesn't fit in the cache: its budget is {size_text(budget)}{used}. Raise cache_gb to "
        f"{-(-(budget + short) // (GB // 100)) / 100:.2f} or more, or take cache=none."
    )


def _over_disk(folder: Path, needed: int, short: int) -> str:
    return (
        f"{size_text(needed)} doesn't fit on the disk of the cache {folder}: {size_text(short)} is missing, even if "
        "all unused entries go. Make room, lower cache_gb, take cache=none, or name a folder on another disk by "
        "BEAUTY_CACHE_DIR."
    )
