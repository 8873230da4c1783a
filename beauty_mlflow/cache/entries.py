"""Reading a whole entry."""

import errno
import itertools
import os
import weakref
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn, Self

import numpy as np
import numpy.typing as npt

from beauty_mlflow.cache.keys import Key, Rows
from beauty_mlflow.cache.layout import (
    ARRAY,
    CHECKSUM_TYPE,
    CHECKSUMS,
    ENTRY,
    Place,
    array_header,
    checksums_header,
    read_description,
    remove_folder,
)
from beauty_mlflow.cache.rowfiles import Bytes, checksums_of, read_at
from beauty_mlflow.cache.wording import in_words
from beauty_mlflow.errors import CacheError
from beauty_mlflow.locks import Lock


class Damage(Exception):  # noqa: N818 - a reason that is turned into one of our errors or into a note
    """Why an entry can't be trusted."""


class Entry:
    """An entry that is open for reading; while it is, nobody removes it. Made by ``open_entry``.

    Threads may read at once, as long as none closes it meanwhile.
    """

    def __init__(self, place: Place, key: Key, rows: Rows, lock: Lock) -> None:
        self.key = key
        self.rows = rows
        self._place = place
        self._lock = lock
        self._start = len(array_header(rows))
        self._handle = os.open(place.whole / ARRAY, os.O_RDONLY | os.O_CLOEXEC)
        self._finalizer = weakref.finalize(self, _close, self._handle, lock)
        try:
            _check_start(self._handle, array_header(rows), rows.nbytes, ARRAY)
            self._checksums = _read_checksums(place, rows)
        except BaseException:
            self._finalizer.detach()
            os.close(self._handle)
            raise
        self._checked = np.zeros(rows.count, bool)

    def read(self, indices: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the rows of these numbers as a fresh array; int64 [m] -> [m, *shape].

        Each row's checksum is compared the first time that this object reads it.

        Raises:
            CacheError: A row is damaged or can't be read. The entry is removed, so that the same command makes it anew.
            IndexError: There is no such row.
        """
        if not self._finalizer.alive:
            raise ValueError(f"{self.key.name} is closed")
        wanted = np.asarray(indices, np.int64)
        if wanted.size and not 0 <= wanted.min() <= wanted.max() < self.rows.count:
            raise IndexError(f"{self.key.name} has the rows 0 to {self.rows.count - 1}, got {wanted}")
        block = np.empty((len(wanted), self.rows.row_bytes), np.uint8)
        for first, last in _neighbours(wanted):
            self._fill(block[first:last], int(wanted[first]))
        self._check(block, wanted)
        return block.view(self.rows.dtype).reshape(len(wanted), *self.rows.shape)

    def close(self) -> None:
        """Stop reading; others may remove the entry from now on."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _fill(self, block: Bytes, first: int) -> None:
        try:
            got = read_at(self._handle, block, self._start + first * self.rows.row_bytes)
        except OSError as error:
            if error.errno != errno.EIO:
                raise CacheError(
                    f"The cache's {self.key.name} can't be read: {error}. Mend {self._place.folder}."
                ) from error
            self._refuse(f"row {first} can't be read")
        if got < block.size:
            self._refuse(f"row {first + got // self.rows.row_bytes} is missing")

    def _check(self, block: Bytes, wanted: npt.NDArray[np.int64]) -> None:
        new = np.flatnonzero(~self._checked[wanted])
        rows = wanted[new]
        bad = checksums_of(block[new] if len(new) < len(wanted) else block) != self._checksums[rows]
        if bad.any():
            self._refuse(f"row {rows[np.argmax(bad)]} has a wrong checksum")
        self._checked[rows] = True

    def _refuse(self, problem: str) -> NoReturn:
        damaged = f"The cache's {self.key.name} ({in_words(self.key)}) is damaged: {problem}."
        try:
            self._remove()
        except OSError as error:
            raise CacheError(f"{damaged} Remove {self._place.whole} and run the same command again.") from error
        raise CacheError(f"{damaged} It is removed now; run the same command again, which makes it anew.")

    def _remove(self) -> None:
        try:
            ours = os.path.samestat(os.fstat(self._handle), (self._place.whole / ARRAY).stat())
        except FileNotFoundError:
            return
        if ours:  # and not what somebody else has made anew
            remove_folder(self._place.whole)
            self._lock.discard_file()


def open_entry(place: Place, lock: Lock, *, used: bool = True) -> Entry:
    """Open the entry of this name and note its use, if it is one; the lock, held shared, is the entry's from now on.

    Raises:
        Damage: It isn't as it was written.
        FileNotFoundError: There is none.
    """
    place.whole.stat()
    try:
        found = read_description(place.whole, place.name)
        if found is None:
            raise Damage(f"{ENTRY} doesn't describe it")
        entry = Entry(place, *found, lock)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.EIO}:
            raise
        raise Damage(str(error)) from error
    if not used:
        return entry
    with suppress(OSError):  # a folder that may only be read loses its order of use, nothing else
        os.utime(place.whole / ENTRY)
    return entry


def _neighbours(wanted: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of positions whose rows lie one after the other, so that one call reads them."""
    edges = [0, *(np.flatnonzero(np.diff(wanted) != 1) + 1).tolist(), len(wanted)]
    yield from ((first, last) for first, last in itertools.pairwise(edges) if first < last)


def _close(handle: int, lock: Lock) -> None:
    os.close(handle)
    lock.release()


def _read_checksums(place: Place, rows: Rows) -> npt.NDArray[np.uint32]:
    checksums = np.empty(rows.count, CHECKSUM_TYPE)
    handle = os.open(place.whole / CHECKSUMS, os.O_RDONLY | os.O_CLOEXEC)
    try:
        header = checksums_header(rows)
        _check_start(handle, header, checksums.nbytes, CHECKSUMS)
        read_at(handle, checksums.view(np.uint8), len(header))
    finally:
        os.close(handle)
    return checksums


def _check_start(handle: int, header: bytes, content: int, name: str) -> None:
    if os.pread(handle, len(header), 0) != header:
        raise Damage(f"{name} doesn't begin as it was written")
    size = os.fstat(handle).st_size
    if size != len(header) + content:
        raise Damage(f"{name} has {size} bytes instead of {len(header) + content}")
