"""How a run ends: as the work does, and never RUNNING."""

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from beauty_mlflow.errors import BeautyError, Interrupted, PrunedError
from beauty_mlflow.shortages import explain
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.console import warn
from beauty_mlflow.tracking.failures import shorten
from beauty_mlflow.tracking.redaction import redact

REASON_LENGTH = 5000
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Endable(Protocol):
    """What ``tracked`` needs of a run."""

    run_id: str

    def start_sampling(self) -> None:
        """Begin to collect system metrics."""

    def finish(self, status: names.RunStatus, tags: Mapping[str, str] | None = None) -> None:
        """Send what is left and set the last tags and the final status."""

    def hurry(self) -> None:
        """Let ``finish`` wait for no store that is silent, where what it is to have is kept on disk."""


@contextmanager
def tracked(run: Endable, *, sample: bool = True) -> Iterator[None]:
    """Give the run its final status as the block ends, and collect system metrics (``sample``) meanwhile.

    FINISHED where the block ends well; KILLED for Ctrl-C, SIGTERM and a search's pruning; FAILED with the reason in the
    tag ``error`` for any other exception. The exception goes on as it was; where the tracker doesn't take the status,
    that is printed.

    Raises:
        TrackingError: The block ended well, but the run couldn't be finished.
    """
    with ended_if_it_fails(run):
        if sample:
            run.start_sampling()
        yield
        with _uninterrupted(run):
            run.finish("FINISHED")


@contextmanager
def ended_if_it_fails(run: Endable) -> Iterator[None]:
    """Give the run its final status where the block raises, as ``tracked`` does; else it stays as it is."""
    try:
        yield
    except BaseException as error:
        killed = isinstance(error, KeyboardInterrupt | Interrupted | PrunedError)
        with _uninterrupted(run):
            end_badly(run, explain(error) or str(error) or type(error).__name__, killed=killed)
        raise


def end_badly(run: Endable, reason: str, *, killed: bool) -> None:
    """Set KILLED, or FAILED and the tag ``error``; print a sentence where the tracker doesn't take them."""
    try:
        if killed:
            run.finish("KILLED")
        else:
            run.finish("FAILED", {names.ERROR: shorten(redact(reason), REASON_LENGTH)})
    except BeautyError as error:
        warn(f"the run {run.run_id} may still be shown as RUNNING: {error}")


@contextmanager
def _uninterrupted(run: Endable) -> Iterator[None]:
    """Keep a second Ctrl-C from leaving the run without its status; it only ends the waiting for a store."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def hurry(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signal module's signature
        run.hurry()

    numbers = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, hurry) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
