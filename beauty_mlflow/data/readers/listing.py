from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd

from beauty_mlflow.data.readers.walking import Walk
from beauty_mlflow.data.sources.locations import Location

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
        lost: Class and part of what was rejected, where the data says them: path to both.
    """

    folder: Location
    table: pd.DataFrame
    rejected: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lost: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def is_split(self) -> bool:
        """Whether the data says itself which part each picture belongs to."""
        return bool((self.table["part"] != "").all())


def listed(folder: Location, table: pd.DataFrame, notes: list[str]) -> Listing:
    """Return what a table lists, those rows set aside whose path can't be a picture of the folder."""
    walk = Walk(folder)
    reasons = pd.Series([walk.reason_against(path) for path in table["path"]], dtype=str)
    gone = table[reasons != ""]
    rejected = list(zip(gone["path"], reasons[reasons != ""], strict=True))
    lost = dict(zip(gone["path"], zip(gone["class"], gone["part"], strict=True), strict=True))
    return Listing(folder, table[reasons == ""].reset_index(drop=True), rejected, notes, lost)


@dataclass(frozen=True)
class Reader:
    """One layout of data on disk: how it is recognized, and how it is read."""

    recognizes: Callable[[Location], bool]
    read: Callable[[Location], Listing]
