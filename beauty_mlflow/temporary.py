"""What is written under a temporary name first.

Whoever writes it holds its lock, which the kernel drops when that process dies: so what a crash has left is told from
what is being written, whichever machine that shares the disk does it.
"""

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from beauty_mlflow.leftovers import Leftover

MARK = ".tmp"
KIND = "temporary file"
_NAME = re.compile(rf"\..+\.[a-z0-9_]{{8}}{re.escape(MARK)}(\.[^.]+)?", re.DOTALL)
_YOUNG = 2.0  # seconds in which a file may be there whose lock isn't taken yet
_LONGEST_NAME, _LONGEST_SUFFIX = 100, 20  # bytes that are kept of them; 255 are allowed in all


@contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """Yield an empty file beside ``path``, whose folder is made where it is missing; what is left at the end goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_prefix(path), suffix=_suffix(path))
    try:
        _lock(handle)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
        os.close(handle)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``path``, for its owner alone, and otherwise as ``temporary_file``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=_prefix(path), suffix=MARK))
    handle = os.open(folder, os.O_RDONLY)
    try:
        _lock(handle)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


@contextmanager
def temporary_home() -> Iterator[None]:
    """Let what this process puts into the system's temporary folder, its libraries' files included, lie in one folder.

    It goes at the end; what a killed process leaves is found by it. Its lock also keeps those away who clean the
    system's folder by age.
    """
    before = tempfile.tempdir
    with ExitStack() as kept:
        with suppress(OSError):  # no room, say: what needs none there works all the same
            tempfile.tempdir = str(kept.enter_context(temporary_folder(_home())))
        try:
            yield
        finally:
            tempfile.tempdir = before


def abandoned_homes() -> list[Leftover]:
    """Return what processes of this user that are no more have left in the system's temporary folder."""
    return _leftovers(system_folder().glob(f"{_prefix(_home())}*{MARK}"))


def system_folder() -> Path:
    """Return the system's folder for temporary files, also where this process has one of its own."""
    folder = Path(tempfile.gettempdir())
    return folder.parent if _NAME.fullmatch(folder.name) else folder


def abandoned(folder: Path) -> list[Leftover]:
    """Return what nobody writes any more of the temporary files and folders below a folder.

    Only what this user owns is looked at; links aren't followed, and what can't be read is passed over.
    """
    found: list[Path] = []
    for parent, folders, files in os.walk(folder):
        named = [name for name in (*folders, *files) if _NAME.fullmatch(name)]
        found += [Path(parent, name) for name in named]
        folders[:] = [name for name in folders if name not in named]
    return _leftovers(found)


def abandoned_beside(folder: Path) -> list[Leftover]:
    """Return the same of what lies in a folder itself."""
    with suppress(OSError):
        return _leftovers(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    return []


def bytes_below(path: Path) -> int:
    """Return what a file, or everything below a folder, takes."""
    inside = (Path(parent, name) for parent, _, files in os.walk(path) for name in files)
    return sum(_bytes(file) for file in (inside if path.is_dir() else [path]))


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; what is gone already is no error.

    Raises:
        OSError: It can't be removed.
    """
    with suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _leftovers(paths: Iterable[Path]) -> list[Leftover]:
    return [
        Leftover(KIND, str(path), "remove it", partial(_remove, path), bytes_below(path), path.lstat().st_mtime)
        for path in sorted(paths)
        if _is_abandoned(path)
    ]


def _remove(path: Path) -> bool:
    if path.exists() and not _is_abandoned(path):
        return False
    remove(path)  # or what it lay in was removed before
    return True


def _is_abandoned(path: Path) -> bool:
    """Return whether it is ours, nobody holds its lock, and somebody would by now."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            known = os.fstat(handle)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return known.st_uid == os.getuid() and time.time() - known.st_mtime > _YOUNG
        finally:
            os.close(handle)
    return False


def _home() -> Path:
    return system_folder() / "beauty"


def _prefix(path: Path) -> str:
    return f".{_cut(path.name, _LONGEST_NAME)}."


def _suffix(path: Path) -> str:
    """Return what says how a file is written, unless it is too long for that."""
    return f"{MARK}{path.suffix if _cut(path.suffix, _LONGEST_SUFFIX) == path.suffix else ''}"


def _cut(text: str, length: int) -> str:
    return os.fsencode(text)[:length].decode("utf-8", "ignore")


def _lock(handle: int) -> None:
    with suppress(OSError):  # a file system without locks; nobody can take it there either
        fcntl.flock(handle, fcntl.LOCK_EX)


def _bytes(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0
