"""Where an entry's files are, and what is written in them besides its rows.

``<name>/array.npy`` is an ordinary array for NumPy, ``checksums.npy`` the crc32 of every row (uint32), ``entry.json``
says what it is. ``<name>.partial/`` is the same while it is made, ``<name>.lock`` belongs to whoever reads or makes it.
"""

import io
import json
import shutil
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from beauty_mlflow.cache.keys import Key, Rows
from beauty_mlflow.files import cache_folder, write_text

ARRAY = "array.npy"
CHECKSUMS = "checksums.npy"
ENTRY = "entry.json"
PARTIAL = ".partial"
LOCK = ".lock"
REMOVED = ".removed"
CHECKSUM_TYPE = "<u4"
_DESCRIPTION_BYTES = 4096  # one block of most file systems, and more than any so far


@dataclass(frozen=True)
class Place:
    """Where the entry of one name is, or would be."""

    folder: Path
    name: str

    @property
    def whole(self) -> Path:
        """The folder of the finished entry."""
        return self.folder / self.name

    @property
    def partial(self) -> Path:
        """The folder of the entry while it is made."""
        return self.folder / f"{self.name}{PARTIAL}"

    @property
    def lock(self) -> Path:
        """The file whose lock says who uses the entry."""
        return self.folder / f"{self.name}{LOCK}"


def entries_folder() -> Path:
    """Return the folder of the user's entries."""
    return cache_folder() / "entries"


def array_header(rows: Rows) -> bytes:
    """Return the bytes before the first row."""
    return _header(rows.dtype, (rows.count, *rows.shape))


def checksums_header(rows: Rows) -> bytes:
    """Return the bytes before the first checksum."""
    return _header(CHECKSUM_TYPE, (rows.count,))


def disk_bytes(rows: Rows) -> int:
    """Return what an entry takes on disk: rows, checksums and description."""
    checksums = rows.count * np.dtype(CHECKSUM_TYPE).itemsize
    return len(array_header(rows)) + rows.nbytes + len(checksums_header(rows)) + checksums + _DESCRIPTION_BYTES


def write_description(folder: Path, key: Key, rows: Rows) -> None:
    """Write what the entry in this folder is, atomically."""
    description = {
        "kind": key.kind,
        "content": key.content,
        "rows": rows.count,
        "shape": rows.shape,
        "dtype": rows.dtype,
        "bytes": disk_bytes(rows),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    write_text(folder / ENTRY, json.dumps(description, indent=1) + "\n")


def read_description(folder: Path, name: str) -> tuple[Key, Rows] | None:
    """Return what the entry in this folder is; None where nothing tells, or it is another entry.

    Raises:
        OSError: The file is there and can't be read.
    """
    try:
        found: dict[str, Any] = json.loads((folder / ENTRY).read_bytes())
        key = Key(found["kind"], found["content"])
        rows = Rows(found["rows"], tuple(found["shape"]), found["dtype"])
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return (key, rows) if key.name == name else None


def remove_folder(folder: Path) -> None:
    """Remove an entry's folder; nobody finds it from the first moment on, even if we are killed meanwhile."""
    doomed = folder.with_name(f"{folder.name}.{uuid.uuid4().hex[:8]}{REMOVED}")
    try:
        folder.replace(doomed)
    except FileNotFoundError:
        return
    shutil.rmtree(doomed, ignore_errors=True)


def _header(dtype: str, shape: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue()
