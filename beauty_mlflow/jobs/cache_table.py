"""What the cache holds, as a user reads it."""

import time
from collections.abc import Sequence

from beauty_mlflow.cache.inventory import Stored
from beauty_mlflow.cache.sizes import size_text
from beauty_mlflow.jobs.tables import print_table

_HEADINGS = ("name", "kind", "size", "last use", "state", "what")


def print_stored(stored: Sequence[tuple[Stored, bool]]) -> None:
    """Print a line an entry, given with whether it is in use."""
    print_table(_HEADINGS, [_line(one, in_use) for one, in_use in stored])


def described(one: Stored) -> str:
    """Return an entry's name, what it is and its size."""
    return f"{one.place.name} ({one.words}), {size_text(one.size)}"


def counted(stored: Sequence[Stored]) -> str:
    """Return how many entries these are and what they take."""
    number = "1 entry" if len(stored) == 1 else f"{len(stored)} entries"
    return f"{number}, {size_text(sum(one.size for one in stored))}" if stored else number


def _line(one: Stored, in_use: bool) -> tuple[str, ...]:
    size = size_text(one.size) if one.whole else f"{size_text(one.size)} of {size_text(one.full_size)}"
    used = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.used))
    state = f"{'whole' if one.whole else 'partial'}, {'in use' if in_use else 'not in use'}"
    return one.place.name, one.kind, size, used, state, one.words
