"""Data that grew: the pictures of an older manifest keep their parts."""

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence

import pandas as pd

from beauty_mlflow.data.splits.manifest import Split
from beauty_mlflow.data.wording import name_some
from beauty_mlflow.errors import DataError

# which of several exact copies is which: the first pass that finds one decides
_TIES = (["sha256", "path", "class"], ["sha256", "path"], ["sha256", "class"], ["sha256"])


def old_parts(old: Split, table: pd.DataFrame, corrected: Container[str] = ()) -> tuple[list[str], list[str]]:
    """Find the pictures of an older split by their sha256; among exact copies path and class decide.

    A picture that was renamed, or moved to another class, keeps its part too: otherwise one that a model was
    trained on could get into the test part.

    Args:
        old: The older split.
        table: Today's pictures, columns path, class, sha256.
        corrected: Paths of those that were given another class on purpose, which needn't be said.

    Returns:
        Each picture's old part, empty for a new one; and sentences about how many are old, new, gone, and in
        another class than before.

    Raises:
        DataError: none of the old pictures is there.
    """
    matches = _match(old.table, table)
    if not matches:
        raise DataError(
            f"none of the {len(old.table)} pictures of the manifest to extend is in the data; expected an earlier "
            "manifest of the same pictures. Give that one, or leave extend out."
        )
    parts = [""] * len(table)
    for row, old_row in matches.items():
        parts[row] = old.table["part"].iloc[old_row]
    gone = old.table["path"].drop(old.table.index[list(matches.values())]).sort_values().to_list()
    return parts, [*_count_notes(len(matches), len(table), gone), *_class_notes(old, table, matches, corrected)]


def extended_classes(old: Sequence[str], present: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the old classes in their order, then the new ones sorted; and sentences on what changed."""
    new = sorted(set(present) - set(old))
    gone = [name for name in old if name not in set(present)]
    notes = []
    if new:
        notes.append(f"{len(new)} new classes were appended to the old manifest's: {name_some(new)}.")
    if gone:
        notes.append(
            f"WARNING: {len(gone)} classes of the old manifest have no picture any more and were taken out, "
            f"which moves the ids of those after them: {name_some(gone)}."
        )
    return tuple(name for name in old if name not in gone) + tuple(new), notes


def _match(old: pd.DataFrame, table: pd.DataFrame) -> dict[int, int]:
    matches: dict[int, int] = {}
    for columns in _TIES:
        taken = set(matches.values())
        spare: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for old_row, key in reversed(list(enumerate(_keys(old, columns)))):
            if old_row not in taken:
                spare[key].append(old_row)
        for row, key in enumerate(_keys(table, columns)):
            if row not in matches and spare.get(key):
                matches[row] = spare[key].pop()
    return matches


def _keys(table: pd.DataFrame, columns: Sequence[str]) -> Iterable[tuple[str, ...]]:
    return zip(*(table[column] for column in columns), strict=True)


def _count_notes(old: int, total: int, gone: Sequence[str]) -> list[str]:
    notes = [f"{old} pictures of the old manifest keep their parts, {total - old} are new."]
    if gone:
        notes.append(f"{len(gone)} pictures of the old manifest are gone: {name_some(gone)}.")
    return notes


def _class_notes(old: Split, table: pd.DataFrame, matches: dict[int, int], corrected: Container[str]) -> list[str]:
    before, now = old.table["class"].to_list(), table["class"].to_list()
    changed = sorted((table["path"].iloc[row], before[was], now[row]) for row, was in matches.items())
    named = [
        f"'{path}' ('{was}', now '{name}')" for path, was, name in changed if was != name and path not in corrected
    ]
    if not named:
        return []
    hint = " It is a grouped one: group the new manifest too." if "groups" in old.options else ""
    note = f"{len(named)} of them have another class than in the old manifest, and keep their parts all the same"
    return [f"WARNING: {note}: {name_some(named)}.{hint}"]
