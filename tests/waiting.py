"""Waiting for what comes true by itself."""

import time

import pytest


def until(condition, *, seconds=60, pause=0.02, process=None, log=None):
    """Return what a condition comes to as soon as that is true, and fail the test where it doesn't become so.

    Args:
        condition: Asked again and again.
        seconds: How long.
        pause: Seconds between two questions.
        process: One without which it never would: not waited for once it has ended.
        log: A file whose end is shown where it fails; without one, what the ended process has said.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        ended = process is not None and process.poll() is not None
        if ended or time.monotonic() > deadline:
            said = log.read_text(errors="replace") if log else process.stderr.read() if ended and process.stderr else ""
            why = f"the process has ended with {process.returncode}" if ended else f"not within {seconds} s"
            pytest.fail(f"it never came true, {why}: {said[-2000:]}")
        time.sleep(pause)
    return found
