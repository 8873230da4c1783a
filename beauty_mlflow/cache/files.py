"""Keeping files from elsewhere while there is room for them."""

import hashlib
import time
from collections.abc import Iterable
from functools import cached_property
from threading import Lock

from beauty_mlflow.cache.filed import file_size, has_file, read_file, touch_file, write_file
from beauty_mlflow.cache.limits import open_cache
from beauty_mlflow.cache.store import Cache
from beauty_mlflow.errors import CacheError

_SHARE = 64  # room is asked for once for so many parts of the budget, since that looks through the whole cache
_CLOCK_STEP = 0.1  # seconds by which the clock of files may be behind
_MOST = 256 * 2**20  # bytes, that are asked for at once


class Files:
    """The files of a cache; several threads may use it at once, and several processes one folder.

    Args:
        cache_gb: What the cache may take; 0 is a fifth of the free space.
    """

    def __init__(self, cache_gb: float) -> None:
        self._cache, self._cache_gb = Cache(), cache_gb
        self._began = time.time() - _CLOCK_STEP
        self._lock = Lock()
        self._granted = 0  # bytes that may be written
        self._refused = {True: False, False: False}

    def spare(self, wanted: Iterable[str]) -> None:
        """Note that the files of these sha256 are about to be read, so that none makes room for another of them."""
        for sha256 in wanted:
            touch_file(self._cache.folder, sha256)

    def size(self, sha256: str) -> int:
        """Return how many bytes the file of this sha256, hex, has; 0 where it isn't kept."""
        return file_size(self._cache.folder, sha256)

    def read(self, sha256: str) -> bytes | None:
        """Return the content of this sha256, hex, or None where it isn't kept (any more)."""
        return read_file(self._cache.folder, sha256)

    def keep(self, content: bytes, *, evict: bool) -> str:
        """Keep a content if there is room for it; where there is none, that is said once.

        Args:
            content: Of a file.
            evict: Whether what wasn't used since this object was made may be removed for it.

        Returns:
            Its sha256, hex.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        if has_file(self._cache.folder, sha256):
            return sha256
        with self._lock:  # one at a time, so that a look through the cache sees all that was granted before
            if self._take(len(content), evict=evict):
                try:
                    write_file(self._cache.folder, sha256, content)
                except OSError as error:
                    self._refuse(f"can't be written ({error.strerror or error})", evict=evict)
        return sha256

    def _take(self, size: int, *, evict: bool) -> bool:
        if self._granted < size and not self._refused[evict]:
            self._ask(size, evict=evict)
        if self._granted < size:
            return False
        self._granted -= size
        return True

    @cached_property
    def _limited(self) -> Cache:
        """The cache with its limit, swept; for both it is looked through, so not before the first writing."""
        cache = open_cache(self._cache_gb)
        cache.sweep()
        return cache

    def _ask(self, size: int, *, evict: bool) -> None:
        try:
            wanted = max(size, min(_MOST, (self._limited.budget_bytes or 0) // _SHARE))
            self._granted = self._limited.room_for_files(wanted, self._began if evict else None)
        except CacheError as error:
            self._refuse(f"can't be used ({error})", evict=evict)
        if self._granted < size:
            self._refuse("has no room for more of them", evict=evict)

    def _refuse(self, why: str, *, evict: bool) -> None:
        if not self._refused[evict]:
            self._refused[evict] = True
            self._cache.note(
                f"the cache {self._cache.folder} {why}: pictures that aren't in it are fetched each time they are "
                "read. A training's cache_gb says what it may take."
            )
