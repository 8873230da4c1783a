"""An entry while it is made."""

import os
from typing import Any

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
    write_description,
)
from beauty_mlflow.cache.rowfiles import checksums_of, read_at, rows_at_once, write_at
from beauty_mlflow.files import sync
from beauty_mlflow.progress import Progress

_CHECKSUM_BYTES = np.dtype(CHECKSUM_TYPE).itemsize


class Partial:
    """Rows that are appended, each followed by its checksum in a second file, which is the journal.

    A row counts as done when its checksum stands there and fits. So nothing has to be synced before the end: whatever
    a kill or a power cut has taken away is missed when the next process goes on, and made again.

    Only who holds the entry's lock exclusively may use it.
    """

    def __init__(self, place: Place, key: Key, rows: Rows) -> None:
        self.rows = rows
        self.done = 0
        self._place = place
        self._key = key
        self._array = self._checksums = -1
        self._array_start = len(array_header(rows))
        self._checksums_start = len(checksums_header(rows))

    def reserve(self) -> None:
        """Make the folder that says how large the entry will be, or keep one that is there.

        Raises:
            OSError: It can't be made.
        """
        folder = self._place.partial
        if read_description(folder, self._key.name) != (self._key, self.rows):
            remove_folder(folder)
            folder.mkdir(parents=True)
            write_description(folder, self._key, self.rows)
        for path in folder.iterdir():
            if path.name not in {ARRAY, CHECKSUMS, ENTRY}:
                path.unlink()  # a description that was half written when its writer was killed

    def resume(self, progress: Progress) -> None:
        """Open the files and find how many rows are done already, which is counted where there are any.

        Raises:
            OSError: They can't be read or written.
        """
        self._array = _open(self._place.partial / ARRAY, array_header(self.rows))
        self._checksums = _open(self._place.partial / CHECKSUMS, checksums_header(self.rows))
        self.done = self._count_good(progress)
        os.ftruncate(self._array, self._array_start + self.done * self.rows.row_bytes)
        os.ftruncate(self._checksums, self._checksums_start + self.done * _CHECKSUM_BYTES)

    def append(self, start: int, block: npt.NDArray[Any]) -> None:
        """Append the rows from ``start`` on, without those that are there already; [b, *shape].

        Raises:
            OSError: They can't be written.
            ValueError: They aren't such rows, or more than were announced.
        """
        if block.shape[1:] != self.rows.shape or block.dtype != np.dtype(self.rows.dtype):
            raise ValueError(f"{self._key.name} takes rows of {self.rows}, got {block.dtype} {block.shape}")
        if start + len(block) > self.rows.count:
            raise ValueError(f"{self._key.name} takes {self.rows.count} rows, got {start + len(block)}")
        fresh = np.ascontiguousarray(block[max(0, self.done - start) :])
        if not len(fresh):
            return
        octets = fresh.reshape(len(fresh), -1).view(np.uint8)
        write_at(self._array, octets, self._array_start + self.done * self.rows.row_bytes)
        checksums = checksums_of(octets).astype(CHECKSUM_TYPE)
        write_at(self._checksums, checksums.view(np.uint8), self._checksums_start + self.done * _CHECKSUM_BYTES)
        self.done += len(fresh)

    def finish(self) -> None:
        """Make it a whole entry, in one step and only after all of it is on the disk.

        Raises:
            OSError: It can't be written.
        """
        assert self.done == self.rows.count
        os.fsync(self._array)
        os.fsync(self._checksums)
        write_description(self._place.partial, self._key, self.rows)
        self._place.partial.replace(self._place.whole)
        sync(self._place.folder)

    def discard(self) -> None:
        """Remove what there is."""
        remove_folder(self._place.partial)

    def close(self) -> None:
        """Close the files."""
        for handle in (self._array, self._checksums):
            if handle >= 0:
                os.close(handle)
        self._array = self._checksums = -1

    def _count_good(self, progress: Progress) -> int:
        claimed = np.zeros(self.rows.count, CHECKSUM_TYPE)
        got = read_at(self._checksums, claimed.view(np.uint8), self._checksums_start)
        claimed = claimed[: got // _CHECKSUM_BYTES]
        if not len(claimed):
            return 0
        step = rows_at_once(self.rows.row_bytes)
        with progress(f"Checking {self._key.kind}", len(claimed)) as bar:
            for start in range(0, len(claimed), step):
                good = self._good_from(start, claimed[start : start + step])
                bar.update(good)
                if good < len(claimed[start : start + step]):
                    return start + good
        return len(claimed)

    def _good_from(self, start: int, claimed: npt.NDArray[np.uint32]) -> int:
        """Return how many rows from ``start`` on are there and fit the checksums that are claimed for them."""
        block = np.empty((len(claimed), self.rows.row_bytes), np.uint8)
        got = read_at(self._array, block, self._array_start + start * self.rows.row_bytes) // self.rows.row_bytes
        fits = checksums_of(block[:got]) == claimed[:got]
        return got if fits.all() else int(np.argmin(fits))


def _open(path: os.PathLike[str], header: bytes) -> int:
    """Open a file that begins with this header; one that begins otherwise starts over."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        if os.pread(handle, len(header), 0) != header:
            os.ftruncate(handle, 0)
            write_at(handle, header, 0)
    except BaseException:
        os.close(handle)
        raise
    return handle
