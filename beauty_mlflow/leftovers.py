"""What a crash has left: the one shape in which every room tells of it."""

from collections.abc import Callable
from dataclasses import dataclass

Note = Callable[[str], None]  # takes a sentence about what can't be told


@dataclass(frozen=True)
class Leftover:
    """One thing that nobody uses any more.

    Attributes:
        kind: What it is, in words that several of them share, such as ``run without a process``.
        where: Which one: a path, or an id.
        remedy: What mends it, in words.
        mend: Does that and returns whether it was done; False where somebody uses it by now, so that it was left alone.
            None where it takes the user, as the remedy says.
        size: Bytes that it takes; 0 where it takes none worth counting.
        since: When it was touched last, in seconds since 1970; 0 where nobody knows.
        details: What else there is to say of it.
    """

    kind: str
    where: str
    remedy: str
    mend: Callable[[], bool] | None
    size: int = 0
    since: float = 0.0
    details: str = ""
