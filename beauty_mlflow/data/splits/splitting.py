"""From any data to a split: gather the pictures, find the copies, place them, and say what happened."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

import pandas as pd

from beauty_mlflow.data.csv_tables import has_header, read_rows
from beauty_mlflow.data.duplicates.copies import drop_copies, mark_copies, units_of
from beauty_mlflow.data.duplicates.inspecting import Measure
from beauty_mlflow.data.safe_tables import unguard, write_table
from beauty_mlflow.data.sources.locations import AnyLocation, Location, beside
from beauty_mlflow.data.splits.corrections import Corrected, forgotten
from beauty_mlflow.data.splits.extending import extended_classes, old_parts
from beauty_mlflow.data.splits.gathering import Gathered, gather
from beauty_mlflow.data.splits.manifest import (
    PARTS,
    Split,
    folder_notes,
    is_manifest,
    read_split,
    sort_rows,
    write_split,
)
from beauty_mlflow.data.splits.notes import class_notes, duplicate_notes, missing_parts, straddling_notes
from beauty_mlflow.data.splits.options import SplitOptions
from beauty_mlflow.data.splits.placing import UNPLACED, Placement, seeded_key, thesis_cut
from beauty_mlflow.errors import DataError, ManifestError
from beauty_mlflow.progress import Progress

__all__ = ["SplitOptions", "Splitting", "open_data", "split_data", "write_splitting"]

_QUARANTINE = ("path", "reason")


@dataclass(frozen=True)
class Splitting:
    """A split and what happened while it was made.

    Attributes:
        split: The split.
        quarantine: What couldn't be used, columns ``path`` and ``reason``, sorted by path.
        notes: Every sentence that the user must read.
        corrected: How many pictures the corrections concerned; None where there are none to apply.
        gathered: What was found of the pictures, those that were dropped too; None where the split was only read.
    """

    split: Split
    quarantine: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    corrected: Corrected | None = None
    gathered: Gathered | None = None


def split_data(data: Location, options: SplitOptions, progress: Progress, measure: Measure | None = None) -> Splitting:
    """Split a folder of class folders or a table; data that is split already keeps its parts.

    Everything follows from the pictures, the options and the seed alone: the same again gives the same
    manifest.

    Raises:
        DataError: the data can't be read or split, with the name of the folder, file or class; with
            ``strict`` also if a picture is broken.
        ManifestError: the manifest to extend is damaged.
        ParameterError: options contradict the data.
    """
    old = read_split(options.extend, check_pictures=False) if options.extend else None
    dropped: dict[str, str] = {}
    found = gather(data, options, progress, measure)
    gathered = replace(found, notes=[*found.notes])
    if old:
        given = options.corrections or {}
        found.table["part"], notes = old_parts(old, found.table, given)
        found.notes += notes + forgotten(old.options.get("corrections"), given)
    found.notes += mark_copies(found.table, found.seen) + duplicate_notes(found.table)
    if options.copies == "drop":
        found.table, dropped = drop_copies(found.table)
        found.notes.append(f"{len(dropped)} copies were dropped; the manifest's sidecar lists them.")
    classes = _classes(found, old)
    found.table["part"] = pd.Series(_parts(found, options), dtype=str)
    has_given = found.is_split or old is not None
    found.notes += _check_parts(found.table, classes, has_given=has_given) + straddling_notes(found.table)
    return replace(_finish(found, classes, options, dropped), gathered=gathered)


def open_data(data: Location, progress: Progress, *, check_pictures: bool = True, cache_gb: float = 0) -> Splitting:
    """Open a manifest as it is (verified, with its pictures unless told otherwise), or split anything else by default.

    ``cache_gb`` is as for ``read_split``.

    Raises:
        DataError: as for ``split_data``; ManifestError: as for ``read_split``.
    """
    if data.is_file() and is_manifest(data):
        split = read_split(data, check_pictures=check_pictures, cache_gb=cache_gb, progress=progress)
        return Splitting(split, _read_quarantine(quarantine_path(data)), folder_notes(data, split.folder))
    splitting = split_data(data, SplitOptions(), progress)
    how = (
        "It says itself which part each picture belongs to, and that was kept."
        if splitting.split.options["strategy"] == "given"
        else "It was split with the defaults: stratified, 80, 10 and 10 %, copies kept together, seed 0."
    )
    return Splitting(splitting.split, splitting.quarantine, [f"'{data}' is no manifest. {how}", *splitting.notes])


def write_splitting(splitting: Splitting, out: Path) -> None:
    """Write ``<stem>.quarantine.csv``, then the manifest ``out`` and its sidecar ``<stem>.json``."""
    write_table(quarantine_path(out), _QUARANTINE, splitting.quarantine.itertuples(index=False, name=None))
    write_split(splitting.split, out)


def quarantine_path(manifest: AnyLocation) -> AnyLocation:
    """Return where the list of what was left out stands."""
    return beside(manifest, ".quarantine.csv")


def has_quarantine_header(path: Path) -> bool:
    """Return whether a file's first line is that of a list of what was left out."""
    return has_header(path, _QUARANTINE)


def _read_quarantine(path: Location) -> pd.DataFrame:
    rows: list[list[str]] = []
    if path.exists():
        _, rows = read_rows(path, ManifestError, partial(_check_quarantine, path))
    plain = [[unguard(cell) for cell in row] for row in rows]
    return pd.DataFrame(plain, columns=list(_QUARANTINE), dtype=str)


def _check_quarantine(path: Location, header: Sequence[str]) -> None:
    if tuple(header) != _QUARANTINE:
        raise ManifestError(f"{path} has the columns {', '.join(header)}; expected {', '.join(_QUARANTINE)}")


def _classes(found: Gathered, old: Split | None) -> tuple[str, ...]:
    classes = tuple(sorted(set(found.table["class"])))
    found.notes += class_notes(classes)
    if old:
        classes, notes = extended_classes(old.classes, classes)
        found.notes += notes
    return classes


def _parts(found: Gathered, options: SplitOptions) -> list[str]:
    if found.is_split:
        return found.table["part"].to_list()
    if options.strategy == "thesis":
        found.notes.append("The thesis's cut goes by file name alone; copies weren't kept together.")
        return _thesis_parts(found.table)
    return _placed_parts(found.table, options)


def _thesis_parts(table: pd.DataFrame) -> list[str]:
    parts = pd.Series("", index=table.index, dtype=str)
    for _, paths in table.groupby("class")["path"]:
        rows = sorted(paths.index, key=lambda row: (PurePosixPath(paths[row]).name, paths[row]))
        first, second = thesis_cut(len(rows))
        for part, chosen in zip(PARTS, (rows[:first], rows[first:second], rows[second:]), strict=True):
            parts.loc[chosen] = part
    return parts.to_list()


def _placed_parts(table: pd.DataFrame, options: SplitOptions) -> list[str]:
    columns = ["product"] if options.copies == "ignore" else ["duplicate_group", "product"]
    given = [PARTS.index(part) if part else UNPLACED for part in table["part"]]
    free: list[Sequence[int]] = []
    for unit in units_of(table, columns):
        placed = sorted(given[row] for row in unit if given[row] != UNPLACED)
        if not placed:
            free.append(unit)
        for row in unit:
            if placed and given[row] == UNPLACED:
                given[row] = max(placed, key=placed.count)
    placement = Placement(table["class"].to_list(), options.ratios, given)
    placement.place(free, [seeded_key(options.seed, digest) for digest in table["sha256"]])
    return [PARTS[part] for part in placement.parts]


def _check_parts(table: pd.DataFrame, classes: Sequence[str], *, has_given: bool) -> list[str]:
    missing = missing_parts(table, classes, PARTS)
    absent = [part for part in PARTS if all(part in missing.get(name, ()) for name in classes)]
    fatal = {name: parts for name, parts in missing.items() if not has_given or "train" in parts}
    counts = table["class"].value_counts()
    if fatal:
        named = "; ".join(f"'{name}' ({counts[name]} pictures, none for {' and '.join(fatal[name])})" for name in fatal)
        raise DataError(
            f"{len(fatal)} classes have too few pictures for their parts, copies and products being kept "
            f"together: {named[:1000]}. Every class needs at least one picture, or product, for each of "
            f"{', '.join(PARTS)}: add pictures or remove the class."
        )
    if absent:
        raise DataError(
            f"the data has no picture for {' and '.join(absent)}; expected some for each of {', '.join(PARTS)}"
        )
    return [f"WARNING: the class '{name}' has no picture for {' and '.join(parts)}." for name, parts in missing.items()]


def _finish(found: Gathered, classes: tuple[str, ...], options: SplitOptions, dropped: dict[str, str]) -> Splitting:
    quarantine = pd.DataFrame(found.rejected, columns=list(_QUARANTINE), dtype=str)
    if len(quarantine):
        found.notes.append(f"{len(quarantine)} files were left out; the quarantine lists them with the reasons.")
    record = options.record() | ({"strategy": "given"} if found.is_split else {})
    split = Split(found.folder, sort_rows(found.table), classes, record, len(quarantine), dropped)
    return Splitting(split, quarantine, found.notes, found.corrected)
