"""The cache: entries on disk, each named by its content, found whole or made once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from beauty_mlflow.cache.building import Partial
from beauty_mlflow.cache.entries import Damage, Entry, open_entry
from beauty_mlflow.cache.failures import FullDiskError, explained
from beauty_mlflow.cache.inventory import Stored, scan
from beauty_mlflow.cache.keys import Key, Rows
from beauty_mlflow.cache.layout import LOCK, Place, disk_bytes, remove_folder
from beauty_mlflow.cache.locks import Lock, Note, Waiting, try_lock
from beauty_mlflow.cache.progress import Progress, say, silent
from beauty_mlflow.cache.room import Pruned, Usage, make_room, measure, prune
from beauty_mlflow.cache.rowfiles import rows_at_once
from beauty_mlflow.cache.sizes import size_text
from beauty_mlflow.cache.wording import in_words
from beauty_mlflow.errors import CacheError
from beauty_mlflow.files import cache_folder

Produce = Callable[[Sequence[Key], int], Iterator[Sequence[npt.NDArray[Any]]]]

_WHOLE_CACHE = f"cache{LOCK}"
_ATTEMPTS = 3


class Cache:
    """Entries on disk.

    Args:
        folder: Where; by default below the user's cache folder.
        budget_bytes: What all entries may take; None is no limit but the disk.
        note: Takes sentences that the user should read, by default to stderr.
    """

    def __init__(self, folder: Path | None = None, budget_bytes: int | None = None, note: Note = say) -> None:
        self.folder = folder or cache_folder() / "entries"
        self.budget_bytes = budget_bytes
        self._note = note

    def has(self, key: Key) -> bool:
        """Return whether the entry is whole, without opening it or counting that as a use."""
        return Place(self.folder, key.name).whole.exists()

    def find(self, key: Key) -> Entry | None:
        """Return the entry, open, if it is whole; one that turns out to be damaged is removed, which is said.

        Raises:
            CacheError: The folder can't be used.
        """
        with explained(self.folder):
            return self._open(Place(self.folder, key.name))

    def ensure(self, wanted: Mapping[Key, Rows], produce: Produce, progress: Progress = silent) -> dict[Key, Entry]:
        """Return all of the entries, open; what is missing is made in one pass.

        A process that wants an entry which another one is making waits for it. What an interrupted process has made is
        kept, and the next one goes on from there; but where the disk is full it is removed: the room was there when
        the work began, so something else needs it now, and be it the run's own state, which has to record the failure.

        Args:
            wanted: The entries and their rows, as many of each.
            produce: Takes the keys that are missing and the first row that is, and yields for consecutive rows from
                there one array a key, [b, *shape]; b may vary. It isn't called where only finishing is left.
            progress: Counts the rows.

        Raises:
            CacheError: There is no room, or the folder can't be used.
        """
        if len({rows.count for rows in wanted.values()}) > 1:
            raise ValueError(f"the entries of one pass have as many rows each, got {list(wanted.values())}")
        entries: dict[Key, Entry] = {}
        with ExitStack() as opened:
            for _ in range(_ATTEMPTS):
                missing = {key: rows for key, rows in wanted.items() if key not in entries}
                if not missing:
                    opened.pop_all()
                    return {key: entries[key] for key in wanted}
                self._open_or_make(missing, entries, opened, produce, progress)
            raise CacheError(
                f"The cache {self.folder} loses what is written to it. Check its disk, or take cache=none."
            )

    def stored(self, kind: str = "") -> list[tuple[Stored, bool]]:
        """Return what there is of a kind (empty: of all), each with whether it is in use.

        Raises:
            CacheError: The folder can't be used.
        """
        with self._alone():
            return [(one, one.in_use()) for one in scan(self.folder, kind)]

    def usage(self) -> Usage:
        """Return how large the cache is and what new entries could take.

        Raises:
            CacheError: The folder can't be used.
        """
        with self._alone():
            return measure(self.folder, self.budget_bytes)

    def prune(self, keep_bytes: int = 0, kind: str = "") -> Pruned:
        """Remove what isn't in use, leftovers first, then the oldest, until ``keep_bytes`` or fewer are left.

        Raises:
            CacheError: The folder can't be used.
        """
        with self._alone():
            return prune(self.folder, keep_bytes, kind)

    def verify(self, kind: str = "", progress: Progress = silent) -> tuple[list[Stored], list[str]]:
        """Read every whole entry of a kind (empty: of all); damaged ones are removed.

        Returns:
            What was read, and a sentence for each damaged entry.

        Raises:
            CacheError: The folder can't be used.
        """
        with explained(self.folder):
            whole = [one for one in scan(self.folder, kind) if one.whole]
        problems: list[str] = []
        with progress("verify", sum(one.size for one in whole)) as bar:
            for one in whole:
                with explained(self.folder):
                    entry = self._open(one.place, problems.append)
                if entry:
                    problems += _problems(entry)
                bar.update(one.size)
        return whole, problems

    def _open_or_make(
        self,
        missing: Mapping[Key, Rows],
        entries: dict[Key, Entry],
        opened: ExitStack,
        produce: Produce,
        progress: Progress,
    ) -> None:
        """Open what is whole, adding it to ``entries``, and make the rest; locks are taken in one order by all."""
        with ExitStack() as locks:
            to_make = {}
            for key in sorted(missing, key=lambda key: key.name):
                with explained(self.folder):
                    got = self._open_or_lock(key)
                if isinstance(got, Lock):
                    locks.callback(got.release)
                    to_make[key] = missing[key]
                else:
                    opened.callback(got.close)
                    _compare(got, missing[key])
                    entries[key] = got
            if to_make:
                self._make(to_make, produce, progress)

    def _open_or_lock(self, key: Key) -> Entry | Lock:
        place = Place(self.folder, key.name)
        place.folder.mkdir(parents=True, exist_ok=True)
        waiting = Waiting(f"waiting for another process, which is making {key.kind} ({in_words(key)})", self._note)
        while True:
            entry = self._open(place)
            if entry:
                return entry
            lock = try_lock(place.lock, exclusive=True)
            if lock is None:
                waiting.pause()
            elif place.whole.exists():
                lock.release()
            else:
                return lock

    def _open(self, place: Place, note: Note | None = None) -> Entry | None:
        waiting = Waiting(f"waiting for another process, which has locked {place.name}", self._note)
        while place.whole.exists():
            lock = try_lock(place.lock, exclusive=False)
            if lock is None:
                waiting.pause()
                continue
            try:
                return open_entry(place, lock)
            except FileNotFoundError:
                lock.release()
            except Damage as damage:
                remove_folder(place.whole)
                lock.discard_file()
                lock.release()
                (note or self._note)(f"the cache's {place.name} was damaged ({damage}) and is removed")
            except BaseException:
                lock.release()
                raise
        return None

    def _make(self, to_make: Mapping[Key, Rows], produce: Produce, progress: Progress) -> None:
        places = {key: Place(self.folder, key.name) for key in to_make}
        partials = [Partial(places[key], key, rows) for key, rows in to_make.items()]
        with ExitStack() as stack:
            for partial in partials:
                stack.callback(partial.close)
            try:
                with self._alone():
                    sizes = {places[key]: disk_bytes(rows) for key, rows in to_make.items()}
                    self._say_removed(make_room(self.folder, sizes, self.budget_bytes))
                    for partial in partials:
                        partial.reserve()
                self._fill(partials, list(to_make), produce, progress)
            except FullDiskError:
                for partial in partials:
                    partial.discard()
                raise

    def _fill(self, partials: Sequence[Partial], keys: Sequence[Key], produce: Produce, progress: Progress) -> None:
        with explained(self.folder):
            for partial in partials:
                partial.resume()
        row, count = min(partial.done for partial in partials), partials[0].rows.count
        if row:
            self._note(f"going on with {', '.join(key.kind for key in keys[:1])} at row {row} of {count}")
        with progress("cache", count) as bar:
            bar.update(row)
            for blocks in produce(keys, row) if row < count else ():
                with explained(self.folder):
                    for partial, block in zip(partials, blocks, strict=True):
                        partial.append(row, block)
                bar.update(len(blocks[0]))
                row += len(blocks[0])
        if row != count:
            raise ValueError(f"{keys[0].name} takes {count} rows, got {row}")
        with explained(self.folder):
            for partial in partials:
                partial.finish()

    def _say_removed(self, removed: Sequence[Stored]) -> None:
        if removed:
            size = size_text(sum(one.size for one in removed))
            self._note(f"{len(removed)} of the cache's entries ({size}) were removed to make room")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock of the whole cache, which is never held for long."""
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            waiting = Waiting(f"waiting for another process, which is looking through {self.folder}", self._note)
            while (lock := try_lock(self.folder / _WHOLE_CACHE, exclusive=True)) is None:
                waiting.pause()
            try:
                yield
            finally:
                lock.release()


def _compare(entry: Entry, wanted: Rows) -> None:
    if entry.rows != wanted:
        raise CacheError(
            f"The cache's {entry.key.name} holds {entry.rows}, expected {wanted}. Remove it with `beauty cache prune`."
        )


def _problems(entry: Entry) -> list[str]:
    step = rows_at_once(entry.rows.row_bytes)
    with entry:
        for start in range(0, entry.rows.count, step):
            try:
                entry.read(np.arange(start, min(start + step, entry.rows.count)))
            except CacheError as error:
                return [str(error)]
    return []
