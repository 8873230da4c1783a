"""Opening entries and taking their locks, among other processes that do the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from beauty_mlflow.cache.entries import Damage, Entry, open_entry
from beauty_mlflow.cache.failures import explained
from beauty_mlflow.cache.keys import Key
from beauty_mlflow.cache.layout import LOCK, Place, remove_folder
from beauty_mlflow.cache.wording import in_words
from beauty_mlflow.locks import Lock, Note, Waiting, try_lock

_WHOLE_CACHE = f"cache{LOCK}"


class Shelf:
    """A folder of entries; what must be said meanwhile goes to ``note``."""

    def __init__(self, folder: Path, note: Note) -> None:
        self.folder = folder
        self.note = note

    def open(self, place: Place, note: Note | None = None, *, used: bool = True) -> Entry | None:
        """Return the entry, open, if it is whole; a damaged one is removed, which ``note`` hears.

        Whether it counts as used says how long it stays once room is needed.

        Raises:
            CacheError: The folder can't be used.
        """
        waiting = Waiting(f"waiting for another process, which has locked {place.name}", self.note)
        with explained(self.folder):
            while place.whole.exists():
                lock = try_lock(place.lock, exclusive=False)
                if lock is None:
                    waiting.pause()
                    continue
                try:
                    return open_entry(place, lock, used=used)
                except FileNotFoundError:  # removed before the lock was ours
                    lock.release()
                except Damage as damage:
                    remove_folder(place.whole)
                    lock.discard_file()
                    lock.release()
                    (note or self.note)(f"the cache's {place.name} was damaged ({damage}) and is removed")
                except BaseException:
                    lock.release()
                    raise
        return None

    def open_or_lock(self, key: Key) -> Entry | Lock:
        """Return the entry, open, or the lock that allows to make it; waits while another process makes it.

        Only makers are waited for, never readers, and all makers take their locks in one order, so that nobody
        waits for ever.

        Raises:
            CacheError: The folder can't be used.
        """
        place = Place(self.folder, key.name)
        waiting = Waiting(f"waiting for another process, which is making {key.kind} ({in_words(key)})", self.note)
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            while True:
                entry = self.open(place)
                if entry:
                    return entry
                lock = try_lock(place.lock, exclusive=True)
                if lock is None:
                    waiting.pause()
                elif place.whole.exists():
                    lock.release()
                else:
                    return lock

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock of the whole cache, under which entries are counted and removed; never for long.

        Raises:
            CacheError: The folder can't be used.
        """
        waiting = Waiting(f"waiting for another process, which is looking through {self.folder}", self.note)
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            while (lock := try_lock(self.folder / _WHOLE_CACHE, exclusive=True)) is None:
                waiting.pause()
            try:
                yield
            finally:
                lock.release()
