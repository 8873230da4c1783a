"""Copies in a manifest's table: naming their groups, dropping them, keeping them together."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from beauty_mlflow.data.duplicates.finding import connect, find_duplicates
from beauty_mlflow.data.duplicates.inspecting import Inspection

_NAME = 16  # hex digits: two of a million groups share a name with a probability of 3e-8


def mark_copies(table: pd.DataFrame, seen: Inspection) -> list[str]:
    """Add the columns ``duplicate_group`` and ``leader`` to a table of pictures; return the warnings.

    A group is named by the first of its pictures (start of the sha256), a picture without a copy has none.
    The leader is the sha256 of the picture that this one is a copy of, itself included.
    """
    copies = find_duplicates(seen, table["class"].to_list())
    digests = table["sha256"].to_numpy()
    names = pd.Series(digests[copies.groups], dtype=str).str[:_NAME]
    table["duplicate_group"] = names.where(names.duplicated(keep=False), "")
    table["leader"] = pd.Series(digests[copies.leaders], dtype=str)
    return copies.warnings


def drop_copies(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Drop all but the first copy (by path, old pictures before new ones) in each class.

    The same picture in two classes stays in both, in one part: which label is right isn't ours to decide.

    Returns:
        What is left, and what was dropped: path to the path of the copy that stayed.
    """
    ordered = table.assign(is_new=table["part"] == "").sort_values(["is_new", "class", "path"])
    first = ordered.groupby(["leader", "class"])["path"].transform("first")[table.index]
    dropped = {path: kept for path, kept in zip(table["path"], first, strict=True) if path != kept}
    left = table[table["path"] == first].reset_index(drop=True)
    alone = ~left["duplicate_group"].duplicated(keep=False)
    return left.assign(duplicate_group=left["duplicate_group"].mask(alone, "")), dropped


def units_of(table: pd.DataFrame, columns: Sequence[str]) -> list[list[int]]:
    """Return the rows that stay together: they share a value in a column, over any number of steps."""
    pairs = [np.empty((0, 2), np.int64)]
    for column in columns:
        rows = np.flatnonzero(table[column] != "")
        first, inverse = np.unique(table[column].to_numpy(dtype=object)[rows], return_index=True, return_inverse=True)[
            1:
        ]
        pairs.append(np.stack([rows[first[inverse]], rows], axis=1))
    units: dict[int, list[int]] = {}
    for row, label in enumerate(connect(len(table), np.concatenate(pairs)).tolist()):
        units.setdefault(label, []).append(row)
    return list(units.values())
