from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

PART_NAMES = {"train": "train", "val": "val", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class Listing:
    """What a reader found.

    Attributes:
        folder: The data folder.
        table: One candidate for a picture a row, columns ``path`` (relative to ``folder``, posix), ``class``,
            ``part`` (empty where the data isn't split) and, from a table, its other columns; all text.
        rejected: (path, reason) of what can't be a picture.
        notes: What the user must know of what was found, one sentence each.
    """

    folder: Path
    table: pd.DataFrame
    rejected: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_split(self) -> bool:
        """Whether the data says itself which part each picture belongs to."""
        return bool((self.table["part"] != "").all())


@dataclass(frozen=True)
class Reader:
    """One layout of data on disk: how it is recognized, and how it is read."""

    recognizes: Callable[[Path], bool]
    read: Callable[[Path], Listing]
