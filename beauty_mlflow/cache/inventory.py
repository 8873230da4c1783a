"""What is on the disk, whoever made it."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from beauty_mlflow.cache.keys import Key, Rows
from beauty_mlflow.cache.layout import ENTRY, LOCK, PARTIAL, REMOVED, Place, disk_bytes, read_description, remove_folder
from beauty_mlflow.cache.wording import in_words
from beauty_mlflow.locks import Lock, is_held, try_lock

_FOLDER = re.compile(rf"(?P<name>(?P<kind>[a-z_]+)-[0-9a-f]{{32}})(?P<partial>{re.escape(PARTIAL)})?")


@dataclass(frozen=True)
class Stored:
    """One entry on disk.

    Args:
        place: Where it is.
        kind: As its name says.
        whole: Whether it is finished; else it is partial.
        key: What it is; None where its description is damaged.
        rows: How it is stored; None likewise.
        size: Bytes that it takes now.
        used: When it was made or opened last, in seconds since 1970.
    """

    place: Place
    kind: str
    whole: bool
    key: Key | None
    rows: Rows | None
    size: int
    used: float

    @property
    def full_size(self) -> int:
        """Bytes that it takes once it is whole."""
        return self.size if self.whole or self.rows is None else max(self.size, disk_bytes(self.rows))

    @property
    def words(self) -> str:
        """What it is, for people."""
        return in_words(self.key) if self.key else "its description is damaged"

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self.place.whole if self.whole else self.place.partial

    def try_take(self) -> Lock | None:
        """Return the lock that lets us remove it, or None while somebody reads or makes it."""
        return try_lock(self.place.lock, exclusive=True)

    def in_use(self) -> bool:
        """Return whether somebody reads or makes it."""
        return is_held(self.place.lock)

    def remove(self, lock: Lock) -> None:
        """Remove it and its lock's file; the lock is ours."""
        remove_folder(self.folder)
        lock.discard_file()


def scan(folder: Path, kind: str = "") -> list[Stored]:
    """Return the entries of a kind, or of all kinds if it is empty; partial ones first, then by time of use."""
    found = [stored for path in _folders(folder) for stored in _stored(path) if kind in {"", stored.kind}]
    return sorted(found, key=lambda stored: (stored.whole, stored.used, stored.place.name))


def sweep(folder: Path) -> None:
    """Remove what is left of entries whose removal was interrupted, and locks of entries that are gone."""
    for path in folder.glob(f"*{REMOVED}"):
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(f"*-*{LOCK}"):
        place = Place(folder, path.name.removesuffix(LOCK))
        lock = None if place.whole.exists() or place.partial.exists() else try_lock(path, exclusive=True)
        if lock:
            lock.discard_file()
            lock.release()


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _stored(path: Path) -> Iterator[Stored]:
    match = _FOLDER.fullmatch(path.name)
    if not match:
        return
    try:
        key, rows = read_description(path, match["name"]) or (None, None)
        size = sum(file.stat().st_size for file in path.iterdir())
        description = path / ENTRY
        used = (description if description.exists() else path).stat().st_mtime
    except FileNotFoundError:  # removed or finished while we looked
        return
    yield Stored(Place(path.parent, match["name"]), match["kind"], not match["partial"], key, rows, size, used)
