"""Ends from outside that let the work close what it has opened."""

import signal
from types import FrameType
from typing import NoReturn

from beauty_mlflow.errors import Interrupted

_caught: list[int] = []


def catch_signals() -> None:
    """Let SIGTERM and SIGHUP raise Interrupted in the main thread; what this process ignores stays ignored."""
    _caught.clear()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup's command outlives its terminal
            signal.signal(number, _interrupt)


def raise_again() -> None:
    """Raise Interrupted if a signal has raised it before: what a finaliser or a callback of C raises, Python drops."""
    if _caught:
        raise Interrupted(_caught[-1])


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the signal module's signature
    _caught.append(number)
    raise Interrupted(number)
