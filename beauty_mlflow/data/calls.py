"""TensorFlow's calls into Python, which must be over before the interpreter ends."""

import atexit
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_QUIET_SECONDS, _PATIENCE_SECONDS = 0.1, 10.0


class _Calls:
    """Counts the calls that are running.

    A thread of TensorFlow that wants the interpreter's lock when that is being torn down never gets it, and the
    destructor of its iterator waits for the thread for ever. So at exit further calls are refused, and a dataset that
    somebody still holds soon makes none, because it runs only a few batches ahead.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running, self._last, self._closed = 0, 0.0, False

    @contextmanager
    def count(self) -> Iterator[None]:
        """Count a call from its begin to its end."""
        with self._lock:
            self._running += 1
        try:
            if self._closed:
                raise RuntimeError("the program is ending")
            yield
        finally:
            with self._lock:
                self._running -= 1
                self._last = time.monotonic()

    def close(self) -> None:
        """Refuse further calls and wait until none comes any more."""
        self._closed = True
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline and (self._running or time.monotonic() - self._last < _QUIET_SECONDS):
            time.sleep(_QUIET_SECONDS / 10)


calls = _Calls()
atexit.register(calls.close)
