"""Locks between processes, which the kernel drops when their holder dies.

Whoever holds a thing's lock shared may read it, whoever holds it exclusively may make, change or remove it.
"""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

Note = Callable[[str], None]

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5
_QUIET_SECONDS = 1.0


class Lock:
    """A lock that is held until it is released; made by ``try_lock``."""

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._handle = handle

    def release(self) -> None:
        """Let others have it; a second time does nothing."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def discard_file(self) -> None:
        """Remove the lock's file, so that who comes next takes a new one and needn't wait for holders of this one."""
        if _is_at(self._handle, self._path):
            self._path.unlink(missing_ok=True)


def try_lock(path: Path, *, exclusive: bool) -> Lock | None:
    """Return the lock, or None where another process, or another part of this one, has it.

    Raises:
        OSError: The lock's file can't be made.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            if _is_at(handle, path):
                return Lock(path, handle)
        except BlockingIOError:
            os.close(handle)
            return None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # its file was discarded meanwhile, and nobody who comes next would see this lock


def is_held(path: Path) -> bool:
    """Return whether anybody holds a lock; its file isn't made for that."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:  # another user's, perhaps
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


class Waiting:
    """Pauses between attempts, longer each time; says once why, after a second."""

    def __init__(self, why: str, note: Note) -> None:
        self._why = why
        self._note = note
        self._pause = _FIRST_PAUSE
        self._began = time.monotonic()
        self._said = False

    def pause(self) -> None:
        """Sleep until the next attempt."""
        if not self._said and time.monotonic() - self._began > _QUIET_SECONDS:
            self._said = True
            self._note(self._why)
        time.sleep(self._pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
