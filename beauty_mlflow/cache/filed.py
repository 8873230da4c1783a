"""Files from elsewhere, each kept under the sha256 of its content, in the cache and within its limit.

``files/<first two digits>/<sha256>``, below the cache's folder. A file is compared with its name each time it is read,
so nothing need be synced or locked: what a kill or a power cut left of one isn't taken for it, and one that is removed
while others want it is only fetched again.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from beauty_mlflow.cache.inventory import Stored
from beauty_mlflow.cache.layout import Place
from beauty_mlflow.locks import Lock
from beauty_mlflow.temporary import abandoned, temporary_file

KIND = "files"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BATCHES = 32  # in so many steps, those used longest ago first, all files can be removed


@dataclass(frozen=True)
class FileBatch(Stored):
    """Files that were used at about the same time, which are removed together.

    Args:
        paths: The files.
    """

    paths: tuple[Path, ...] = ()

    @property
    def words(self) -> str:
        """What it is, for people."""
        return f"{len(self.paths)} files, each fetched once"

    def try_take(self) -> Lock | None:
        """Return a lock of nothing: nobody relies on a file's staying."""
        return Lock(self.place.lock, -1)

    def in_use(self) -> bool:
        """Return that nobody relies on them."""
        return False

    def remove(self, lock: Lock) -> None:
        """Remove them."""
        lock.release()
        for path in self.paths:
            path.unlink(missing_ok=True)


def folder_of(cache: Path) -> Path:
    """Return where a cache has its files."""
    return cache / KIND


def has_file(cache: Path, sha256: str) -> bool:
    """Return whether there is a file, without reading it or counting that as a use."""
    return _path(cache, sha256).is_file()


def file_size(cache: Path, sha256: str) -> int:
    """Return a file's size in bytes, 0 where there is none, without reading it or counting that as a use."""
    try:
        return _path(cache, sha256).stat().st_size
    except OSError:
        return 0


def read_file(cache: Path, sha256: str) -> bytes | None:
    """Return a file's content and note its use; None where there is none, or what was there is damaged and removed."""
    path = _path(cache, sha256)
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest() != sha256:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        return None
    touch_file(cache, sha256)
    return content


def touch_file(cache: Path, sha256: str) -> None:
    """Note the use of a file, if there is one, without reading it."""
    with suppress(OSError):  # a folder that may only be read loses its order of use, nothing else
        os.utime(_path(cache, sha256))


def write_file(cache: Path, sha256: str, content: bytes) -> None:
    """Keep a file's content, whose room was made before.

    Raises:
        OSError: It can't be written.
    """
    path = _path(cache, sha256)
    with temporary_file(path) as temporary:
        temporary.write_bytes(content)
        temporary.replace(path)


def batches(cache: Path) -> list[FileBatch]:
    """Return a cache's files in batches, those used longest ago first."""
    found = sorted(_found(folder_of(cache)))
    most = sum(size for _, size, _ in found) // _BATCHES
    cut: list[list[tuple[float, int, Path]]] = []
    taken = most
    for one in found:
        if taken >= most:
            cut.append([])
            taken = 0
        cut[-1].append(one)
        taken += one[1]
    return [_batch(cache, files) for files in cut]


def together(found: list[FileBatch]) -> FileBatch:
    """Return several batches as one."""
    paths = tuple(path for one in found for path in one.paths)
    return _described(found[0].place, paths, sum(one.size for one in found), max(one.used for one in found))


def remove_stale(cache: Path) -> None:
    """Remove what killed processes left half written."""
    for leftover in abandoned(folder_of(cache)):
        with suppress(OSError):
            assert leftover.mend
            leftover.mend()


def verify_files(batch: FileBatch) -> list[str]:
    """Read every file of a batch, without counting that as a use; damaged ones are removed.

    Returns:
        A sentence for each damaged one.
    """
    problems = []
    for path in batch.paths:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue  # removed meanwhile
        except OSError as error:
            problems.append(f"The cache's file {path} can't be read: {error}.")
            continue
        if hashlib.sha256(content).hexdigest() != path.name:
            path.unlink(missing_ok=True)
            problems.append(f"The cache's file {path} is damaged. It is removed now, and fetched again when needed.")
    return problems


def _path(cache: Path, sha256: str) -> Path:
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"a file is kept under the sha256 of its content, got '{sha256}'")
    return folder_of(cache) / sha256[:2] / sha256


def _found(folder: Path) -> Iterator[tuple[float, int, Path]]:
    for shelf in folder.glob("[0-9a-f][0-9a-f]"):
        with suppress(FileNotFoundError), os.scandir(shelf) as entries:
            for entry in entries:
                if _SHA256.fullmatch(entry.name):
                    with suppress(FileNotFoundError):
                        stat = entry.stat()
                        yield stat.st_mtime, stat.st_size, Path(entry.path)


def _batch(cache: Path, files: list[tuple[float, int, Path]]) -> FileBatch:
    paths = tuple(path for _, _, path in files)
    return _described(Place(cache, KIND), paths, sum(size for _, size, _ in files), files[-1][0])


def _described(place: Place, paths: tuple[Path, ...], size: int, used: float) -> FileBatch:
    return FileBatch(place, KIND, whole=True, key=None, rows=None, size=size, used=used, paths=paths)
