"""The cache: entries on disk, each named by its content, found whole or made once."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from beauty_mlflow.cache.contents import listed, scan, sweep
from beauty_mlflow.cache.entries import Entry
from beauty_mlflow.cache.failures import explained
from beauty_mlflow.cache.filed import FileBatch, verify_files
from beauty_mlflow.cache.inventory import Stored
from beauty_mlflow.cache.keys import Key, Rows
from beauty_mlflow.cache.layout import Place, entries_folder
from beauty_mlflow.cache.making import Produce, make
from beauty_mlflow.cache.room import Pruned, Usage, measure, prune, room_for_files
from beauty_mlflow.cache.shelf import Shelf
from beauty_mlflow.cache.sizes import MB
from beauty_mlflow.cache.verifying import Megabytes, verify_entry
from beauty_mlflow.errors import CacheError
from beauty_mlflow.locks import Lock, Note
from beauty_mlflow.progress import Progress, note, silent_progress

_ATTEMPTS = 3


class Cache:
    """Entries on disk; threads and processes may use the same folder at once.

    Args:
        folder: Where; by default below the user's cache folder.
        budget_bytes: What all entries may take; None is no limit but the disk.
        note: Takes sentences that the user should read, by default to stderr.
    """

    def __init__(self, folder: Path | None = None, budget_bytes: int | None = None, note: Note = note) -> None:
        self.folder = folder or entries_folder()
        self.budget_bytes = budget_bytes
        self.note = note
        self._shelf = Shelf(self.folder, note)

    def has(self, key: Key) -> bool:
        """Return whether the entry is whole, without opening it or counting that as a use.

        Raises:
            CacheError: The folder can't be used.
        """
        with explained(self.folder):
            return Place(self.folder, key.name).whole.exists()

    def find(self, key: Key) -> Entry | None:
        """Return the entry, open, if it is whole; one that turns out to be damaged is removed, which is said.

        Raises:
            CacheError: The folder can't be used.
        """
        return self._shelf.open(Place(self.folder, key.name))

    def ensure(
        self, wanted: Mapping[Key, Rows], produce: Produce, progress: Progress = silent_progress
    ) -> dict[Key, Entry]:
        """Return all of the entries, open; what is missing is made in one pass.

        An entry that another process is making is waited for. An interrupted pass goes on where it stopped, whoever
        wants its entries next. While they are open, entries aren't removed to make room for others.

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
                with ExitStack() as locks:
                    to_make = self._open_or_lock(wanted, entries, opened, locks)
                    if not to_make:
                        opened.pop_all()
                        return {key: entries[key] for key in wanted}
                    make(self._shelf, self.budget_bytes, to_make, produce, progress)
            raise CacheError(
                f"The cache {self.folder} loses what is written to it. Check its disk, or take cache=none."
            )

    def stored(self, kind: str = "") -> list[tuple[Stored, bool]]:
        """Return what there is of a kind (empty: of all), each with whether it is in use.

        Raises:
            CacheError: The folder can't be used.
        """
        with self._shelf.alone():
            return [(one, one.in_use()) for one in listed(scan(self.folder, kind))]

    def usage(self) -> Usage:
        """Return how large the cache is and what new entries could take.

        Raises:
            CacheError: The folder can't be used.
        """
        with self._shelf.alone():
            return measure(self.folder, self.budget_bytes)

    def room_for_files(self, wanted: int, unused_since: float | None) -> int:
        """Make room for files as far as that goes; see ``room.room_for_files``.

        Raises:
            CacheError: The folder can't be used.
        """
        with self._shelf.alone():
            return room_for_files(self.folder, wanted, self.budget_bytes, unused_since)

    def prune(self, keep_bytes: int = 0, kind: str = "") -> Pruned:
        """Remove what isn't in use, leftovers first, then the oldest, until ``keep_bytes`` or fewer are left.

        Raises:
            CacheError: The folder can't be used.
        """
        with self._shelf.alone():
            return prune(self.folder, keep_bytes, kind)

    def sweep(self) -> None:
        """Remove what interrupted removals, and files that were half written, have left.

        Raises:
            CacheError: The folder can't be used.
        """
        with self._shelf.alone():
            sweep(self.folder)

    def verify(self, kind: str = "", progress: Progress = silent_progress) -> tuple[list[Stored], list[str]]:
        """Read every whole entry of a kind (empty: of all), which is no use of it; damaged ones are removed.

        Returns:
            What was read, and a sentence for each damaged entry.

        Raises:
            CacheError: The folder can't be used.
        """
        with explained(self.folder):
            whole = [one for one in scan(self.folder, kind) if one.whole]
        problems: list[str] = []
        with progress("Verifying, MB", sum(one.size for one in whole) // MB) as bar:
            done = Megabytes(bar)
            for one in whole:
                if isinstance(one, FileBatch):
                    problems += verify_files(one)
                    done.add(one.size)
                    continue
                entry = self._shelf.open(one.place, problems.append, used=False)
                if entry:
                    problems += verify_entry(entry, done)
        return listed(whole), problems

    def _open_or_lock(
        self, wanted: Mapping[Key, Rows], entries: dict[Key, Entry], opened: ExitStack, locks: ExitStack
    ) -> dict[Key, Rows]:
        """Open what is whole, adding it to ``entries``, and return the rest, locked; in one order for all."""
        to_make = {}
        for key in sorted(wanted.keys() - entries.keys(), key=lambda key: key.name):
            got = self._shelf.open_or_lock(key)
            if isinstance(got, Lock):
                locks.callback(got.release)
                to_make[key] = wanted[key]
            else:
                opened.callback(got.close)
                _compare(got, wanted[key])
                entries[key] = got
        return to_make


def _compare(entry: Entry, wanted: Rows) -> None:
    if entry.rows != wanted:
        raise CacheError(
            f"The cache's {entry.key.name} holds {entry.rows}, expected {wanted}. Remove it with `beauty cache prune`."
        )
