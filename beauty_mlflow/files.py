"""Writing files so that nobody ever sees half of one, and where the user's own files are kept."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is synced and moved into place.

    On an error the temporary file is removed and ``path`` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=f".tmp{path.suffix}")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _use_umask(temporary)
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically, with line ends as given."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def cache_folder() -> Path:
    """Return the folder for what can be made again (the sample, downloads): BEAUTY_CACHE_DIR or the user's cache."""
    return Path(os.environ.get("BEAUTY_CACHE_DIR") or platformdirs.user_cache_dir("beauty_mlflow"))


def state_folder() -> Path:
    """Return the folder for what unfinished runs need to go on: BEAUTY_STATE_DIR or the user's state folder."""
    return Path(os.environ.get("BEAUTY_STATE_DIR") or platformdirs.user_state_dir("beauty_mlflow"))


def _use_umask(path: Path) -> None:
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)
