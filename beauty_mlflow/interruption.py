"""Ends from outside that let the work close what it has opened."""

import signal
from types import FrameType
from typing import NoReturn

from beauty_mlflow.errors import Interrupted


def catch_signals() -> None:
    """Let SIGTERM and SIGHUP raise Interrupted in the main thread; what this process ignores stays ignored."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup's command outlives its terminal
            signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the signal module's signature
    raise Interrupted(number)
