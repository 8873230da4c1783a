"""The thread that brings a run's changes into the store, in order, as long as it takes."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from beauty_mlflow.errors import BeautyError, UnreachableError, WorkError
from beauty_mlflow.temporary import bytes_below
from beauty_mlflow.tracking.changes import Change, LoggedFile, LoggedModel
from beauty_mlflow.tracking.console import say
from beauty_mlflow.tracking.failures import shorten

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
LAST_WAIT_SECONDS = 60.0  # for one change, once nothing else is left to do
LAST_TRIES = 3
HURRY_SECONDS = 3.0  # instead, for somebody who doesn't want to wait
SLOWEST_UPLOAD = 100_000  # bytes a second; larger files are waited for longer
MOST_WAITING = 200  # of a store that answers at once: whoever is quicker waits, so that the end needn't
MOVING_SECONDS = 0.1
LATE_SECONDS = 10.0  # without an answer, after which that is said
REASON_LENGTH = 250

Deliver = Callable[[Change, bool], None]


class Sender:
    """Sends changes one after the other; a store that doesn't answer is asked again and again.

    Args:
        deliver: Brings a change into the store; the second argument says that it may have arrived before.
        sent: Called with the number of each change that has arrived.
        where: What the store is called.
        kept: Where changes are kept meanwhile.
        waiting: Changes that an earlier process has left; the first may have arrived.
        overlaps: Whether any change may have arrived before.

    Attributes:
        refusal: What the store has refused for good; nothing is sent after that.
    """

    def __init__(
        self,
        deliver: Deliver,
        sent: Callable[[int], None],
        *,
        where: str,
        kept: str,
        waiting: Iterable[tuple[int, Change]] = (),
        overlaps: bool = False,
    ) -> None:
        self._deliver, self._sent, self._where, self._kept = deliver, sent, where, kept
        self._waiting = deque(waiting)
        self._overlaps = overlaps
        self._again = overlaps or bool(self._waiting)
        self._changed = threading.Condition()
        self._closing = self._over = self._is_spooling = self._has_failed = self._in_hurry = False
        self._moved = time.monotonic()  # when a change arrived last, or the end began
        self._asked = 0.0  # when the store was asked what it hasn't answered yet
        self.refusal: BeautyError | None = None
        self._thread = threading.Thread(target=self._run, name="tracker", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, number: int, change: Change) -> None:
        """Have a change sent after those before it."""
        with self._changed:
            self._waiting.append((number, change))
            self._changed.notify_all()
            asked = self._asked
            waited = time.monotonic() - asked if asked else 0.0
            if waited > LATE_SECONDS and not isinstance(self._waiting[0][1], LoggedFile | LoggedModel):
                self._spool(f"no answer for {waited:.0f} s")
            while len(self._waiting) > MOST_WAITING and self._is_moving():
                self._changed.wait(MOVING_SECONDS)

    def close(self) -> int:
        """Wait until everything has arrived, or the store fails three times in a row; return how many are unsent."""
        with self._changed:
            self._closing, self._moved = True, time.monotonic()
            self._changed.notify_all()
            while self._waiting and not self._over and time.monotonic() - self._moved < self._patience():
                self._changed.wait(1)
            if not self._waiting and not self.refusal:  # its thread may see the end before it could say so
                self._level()
            self._over = True
            self._changed.notify_all()
            return len(self._waiting)

    def hurry(self) -> None:
        """Let ``close`` wait for a store that answers at once, no more."""
        with self._changed:
            self._in_hurry = True
            self._changed.notify_all()

    def _run(self) -> None:
        pause, failures = FIRST_PAUSE_SECONDS, 0
        while True:
            with self._changed:
                while not self._waiting and not self._over:
                    self._level()
                    self._changed.wait()
                if self._over:
                    return
                number, change = self._waiting[0]
                failures *= self._closing
            try:
                self._send(number, change)
            except (UnreachableError, WorkError, OSError) as error:
                self._again = True
                failures += 1
                with self._changed:
                    self._has_failed = True
                    self._spool(str(error))
                    if self._closing:
                        self._moved = time.monotonic()
                        self._over |= self._in_hurry or failures >= LAST_TRIES
                        self._changed.notify_all()
                    self._pause(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it is, the run's own thread has to hear of it
                with self._changed:
                    refused = f"{type(error).__name__}: {error}"
                    self.refusal = error if isinstance(error, BeautyError) else WorkError(refused)
                    self._over = True
                    self._changed.notify_all()
            else:
                pause, failures = FIRST_PAUSE_SECONDS, 0
                self._again = self._overlaps
                with self._changed:
                    self._has_failed = False
                    self._waiting.popleft()
                    self._moved = time.monotonic()
                    self._changed.notify_all()

    def _send(self, number: int, change: Change) -> None:
        self._asked = time.monotonic()
        try:
            self._deliver(change, self._again)
            self._sent(number)
        finally:
            self._asked = 0.0

    def _is_moving(self) -> bool:
        return not (self._over or self._is_spooling) and time.monotonic() - self._moved < MOVING_SECONDS

    def _patience(self) -> float:
        """Return how many seconds of the end one change may take."""
        if self._in_hurry:
            return HURRY_SECONDS
        _, change = self._waiting[0]
        if self._has_failed or not isinstance(change, LoggedFile | LoggedModel):
            return LAST_WAIT_SECONDS
        return LAST_WAIT_SECONDS + bytes_below(change.path) / SLOWEST_UPLOAD

    def _pause(self, seconds: float) -> None:
        """Wait, but not longer than a moment once the end has begun."""
        begun = self._closing
        self._changed.wait_for(lambda: self._over or self._closing != begun, min(seconds, 1) if begun else seconds)

    def _spool(self, why: str) -> None:
        if not self._is_spooling:
            self._is_spooling = True
            reason = shorten(why, REASON_LENGTH).rstrip(".")
            say(
                f"the {self._where} doesn't take what the run logs ({reason}). The work goes on; what is logged is "
                f"kept in {self._kept} until it does."
            )

    def _level(self) -> None:
        if self._is_spooling:
            self._is_spooling = False
            say(f"the {self._where} answers again, and has everything that was kept meanwhile.")
