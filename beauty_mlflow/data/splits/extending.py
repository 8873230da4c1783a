"""Data that grew: the pictures of an older manifest keep their parts."""

from collections import defaultdict
from collections.abc import Sequence

import pandas as pd

from beauty_mlflow.data.splits.manifest import Split
from beauty_mlflow.data.wording import name_some


def old_parts(old: Split, table: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Find the pictures of an older split, by class and sha256, and where those are equal by path.

    Args:
        old: The older split.
        table: Today's pictures, columns path, class, sha256.

    Returns:
        Each picture's old part, empty for a new one; and sentences about how many are old, new and gone.
    """
    by_path = {row[:3]: row[3] for row in _rows(old.table, "part")}
    spare: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    today = [row[:3] for row in _rows(table, "path")]
    unmoved = set(today) & by_path.keys()
    for key, part in sorted(by_path.items(), reverse=True):
        if key not in unmoved:
            spare[key[:2]].append((key[2], part))
    parts = []
    for key in today:
        moved = spare.get(key[:2])
        parts.append(by_path[key] if key in unmoved else moved.pop()[1] if moved else "")
    gone = sorted(path for left in spare.values() for path, _ in left)
    return parts, _notes(sum(part != "" for part in parts), len(parts), gone)


def extended_classes(old: Sequence[str], present: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the old classes in their order, then the new ones sorted; and sentences on what changed."""
    new = sorted(set(present) - set(old))
    gone = [name for name in old if name not in set(present)]
    notes = []
    if new:
        notes.append(f"{len(new)} new classes were appended to the old manifest's: {name_some(new)}.")
    if gone:
        notes.append(
            f"Warning: {len(gone)} classes of the old manifest have no picture any more and were taken out, "
            f"which moves the ids of those after them: {name_some(gone)}."
        )
    return tuple(name for name in old if name not in gone) + tuple(new), notes


def _rows(table: pd.DataFrame, last: str) -> "zip[tuple[str, str, str, str]]":
    return zip(table["class"], table["sha256"], table["path"], table[last], strict=True)


def _notes(old: int, total: int, gone: Sequence[str]) -> list[str]:
    notes = [f"{old} pictures of the old manifest keep their parts, {total - old} are new."]
    if gone:
        notes.append(f"{len(gone)} pictures of the old manifest are gone: {name_some(gone)}.")
    return notes
