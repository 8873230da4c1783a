"""How much of what is fetched from far away may be in memory at once."""

from concurrent.futures import CancelledError
from dataclasses import dataclass
from threading import Condition
from typing import Self

TOTAL = 64 * 2**20  # bytes


class FetchBudget:
    """A number of bytes that files share, from before they are fetched until they are decoded.

    Whoever finds too few left waits until others give theirs back.

    Files are numbered. The first one that isn't done goes on in any case: so one that is larger than the whole budget
    passes, and whoever wants the files in their order never waits for one that later ones leave no room for. At most
    ``total`` bytes and one file are in memory.

    Args:
        total: How many bytes.
    """

    def __init__(self, total: int = TOTAL) -> None:
        self._left = total
        self._changed = Condition()
        self._next = self._first = 0  # the number of the next share, and of the first one that isn't done
        self._held: dict[int, int] = {}
        self._done: set[int] = set()
        self._waiting: set[int] = set()
        self._closed = False

    def share(self) -> "Share":
        """Return the next file's share."""
        with self._changed:
            self._next += 1
            return Share(self, self._next - 1)

    def take(self, number: int, size: int) -> None:
        """Let a file's share be of this size, once there is room.

        Raises:
            CancelledError: The budget was closed.
        """
        with self._changed:
            self._waiting.add(number)
            try:
                self._changed.wait_for(lambda: self._closed or self.try_take(number, size))
            finally:
                self._waiting.remove(number)
                self._changed.notify_all()
            if self._closed:
                raise CancelledError

    def try_take(self, number: int, size: int) -> bool:
        """Let a file's share be of this size if there is room now and no earlier one waits; return whether it is."""
        with self._changed:
            more = size - self._held.get(number, 0)
            has_room = more <= self._left and number <= min(self._waiting, default=number)
            if more > 0 and number != self._first and not has_room:
                return False
            self._left -= more
            self._held[number] = size
            if more < 0:
                self._changed.notify_all()
            return True

    def finish(self, number: int) -> None:
        """Give a file's share back."""
        with self._changed:
            self._left += self._held.pop(number, 0)
            self._done.add(number)
            while self._first in self._done:
                self._done.remove(self._first)
                self._first += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


@dataclass(frozen=True)
class Share:
    """What one file may take of a budget; it is given back when this, as a context, ends.

    Args:
        budget: Of which.
        number: The file's, from 0; each is there once.
    """

    budget: FetchBudget
    number: int

    def take(self, size: int) -> None:
        """Let it be of this size, once there is room; CancelledError where the budget was closed."""
        self.budget.take(self.number, size)

    def try_take(self, size: int) -> bool:
        """Let it be of this size if there is room now; return whether it is."""
        return self.budget.try_take(self.number, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.budget.finish(self.number)
