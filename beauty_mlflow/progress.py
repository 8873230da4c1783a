"""What long work tells on stderr: notes, and how far it is (where that is no terminal, every ten seconds at most)."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from tqdm import tqdm

LOG_SECONDS = 10.0


class ProgressBar(Protocol):
    """What counts the finished units."""

    def update(self, n: int = 1) -> object:
        """Count ``n`` more units as done."""


Progress = Callable[[str, int], AbstractContextManager[ProgressBar]]


@contextmanager
def console_progress(description: str, total: int) -> Iterator[ProgressBar]:
    """Show a bar of ``total`` units on stderr."""
    interval = 0.1 if sys.stderr.isatty() else LOG_SECONDS
    with tqdm(desc=description, total=total, file=sys.stderr, mininterval=interval, maxinterval=interval) as bar:
        yield bar


@contextmanager
def silent_progress(description: str, total: int) -> Iterator[ProgressBar]:  # noqa: ARG001 - Progress's signature
    """Show nothing."""
    yield _Silent()


def note(sentence: str) -> None:
    """Write a note on stderr."""
    sys.stderr.write(f"note: {sentence}\n")


class _Silent:
    def update(self, n: int = 1) -> None:
        """Count nothing."""
