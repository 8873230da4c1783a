"""What long work in the cache tells about itself; the console's progress of the data room fits."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class ProgressBar(Protocol):
    """What counts the finished units."""

    def update(self, n: int = 1) -> object:
        """Count ``n`` more units as done."""


Progress = Callable[[str, int], AbstractContextManager[ProgressBar]]


@contextmanager
def silent(description: str, total: int) -> Iterator[ProgressBar]:  # noqa: ARG001 - Progress's signature
    """Show nothing."""
    yield _Silent()


def say(note: str) -> None:
    """Write a note on stderr."""
    sys.stderr.write(f"note: {note}\n")


class _Silent:
    def update(self, n: int = 1) -> None:
        """Count nothing."""
