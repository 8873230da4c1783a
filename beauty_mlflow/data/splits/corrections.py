"""Labels put right: which pictures belong in another class, and which shouldn't be used at all.

A file of corrections is a table with the columns path, class (a class of the data, or ``drop``) and, for people,
reason. An evaluation proposes one; whoever knows the pictures edits it; splitting applies it. The pictures stay where
they are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from beauty_mlflow.data.csv_tables import read_rows
from beauty_mlflow.data.readers.listing import Listing
from beauty_mlflow.data.safe_tables import unguard
from beauty_mlflow.data.wording import name_some
from beauty_mlflow.errors import DataError, did_you_mean

COLUMNS = ("path", "class", "reason")
DROP = "drop"


@dataclass(frozen=True)
class Corrected:
    """How many pictures a file of corrections concerned.

    Attributes:
        relabelled: Got another class.
        dropped: Were left out.
        unchanged: Had that class already.
        unusable: Are no pictures that could be used anyway.
    """

    relabelled: int
    dropped: int
    unchanged: int
    unusable: int

    def __str__(self) -> str:
        words = [f"{self.relabelled} relabelled", f"{self.dropped} dropped"]
        words += [f"{self.unchanged} had that class already"] if self.unchanged else []
        words += [f"{self.unusable} of files that can't be used anyway"] if self.unusable else []
        return ", ".join(words)


def read_corrections(path: Path) -> dict[str, str]:
    """Read a file of corrections, as an evaluation wrote it, or edited in a spreadsheet.

    Returns:
        Path to class, or to ``drop``; empty where nothing is to be corrected.

    Raises:
        DataError: It can't be read; its columns are others; a path or class is missing, or a path comes twice.
    """
    header, rows = read_rows(path, DataError, partial(_check_header, path))
    corrections: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        cells = dict(zip(header, map(unguard, row), strict=True))
        if not any(cells.values()):
            continue  # as spreadsheets leave them
        for column in ("path", "class"):
            if not cells[column]:
                raise DataError(f"{path}, row {number}: the {column} is empty; expected one in every row")
        if cells["path"] in corrections:
            raise DataError(f"{path}, row {number}: '{cells['path']}' comes a second time; expected every path once")
        corrections[cells["path"]] = cells["class"]
    return corrections


def correct(listing: Listing, corrections: Mapping[str, str]) -> tuple[Listing, Corrected]:
    """Apply corrections to the pictures of some data, before anything else is done with them.

    Args:
        listing: What a reader found.
        corrections: Path, relative to the data folder, to class or ``drop``.

    Returns:
        The listing with other classes and without what is dropped, and a sentence more where that leaves a class
        without pictures; and the counts.

    Raises:
        DataError: A path names no picture of the data, or a class isn't one of the data's; or the data has a class
            called ``drop``.
    """
    unusable = {path for path, _ in listing.rejected}
    gone = {path for path in unusable if corrections.get(path) == DROP}
    table = listing.table
    classes = sorted({*table["class"], *(name for name, _ in listing.lost.values())})
    _check_paths(corrections, {*table["path"], *unusable})
    _check_classes(corrections, classes)
    wanted = [corrections.get(path, name) for path, name in zip(table["path"], table["class"], strict=True)]
    kept = [name != DROP or path not in corrections for path, name in zip(table["path"], wanted, strict=True)]
    changed = sum(old != new for old, new in zip(table["class"], wanted, strict=True))
    named = sum(path in corrections for path in table["path"])
    dropped = len(kept) - sum(kept)
    useless = len(unusable.intersection(corrections)) - len(gone)
    counts = Corrected(changed - dropped, dropped + len(gone), named - changed, useless)
    corrected = table.assign(**{"class": wanted})[kept].reset_index(drop=True)
    rejected = [(path, reason) for path, reason in listing.rejected if path not in gone]
    lost = {
        path: (corrections.get(path, name), part) for path, (name, part) in listing.lost.items() if path not in gone
    }
    left = {*corrected["class"], *(name for name, _ in lost.values())}
    notes = [*listing.notes, *_emptied(classes, left)]
    return replace(listing, table=corrected, rejected=rejected, notes=notes, lost=lost), counts


def forgotten(old: object, given: Mapping[str, str]) -> list[str]:
    """Return a sentence about the corrections of an older manifest that aren't among those given.

    Args:
        old: What the manifest's options have under ``corrections``, or None.
        given: The corrections in hand.
    """
    before = old if isinstance(old, Mapping) else {}
    lost = sorted(path for path in before if path not in given)
    note = (
        f"WARNING: the old manifest was made with corrections of which {len(lost)} aren't given now, so those pictures "
        f"have the class of the data again: {name_some(lost)}. Its sidecar lists them."
    )
    return [note] if lost else []


def _check_header(path: Path, header: Sequence[str]) -> None:
    unknown = [name for name in header if name not in COLUMNS]
    missing = [name for name in COLUMNS[:2] if name not in header]
    if unknown or missing:
        hint = did_you_mean(unknown[0], COLUMNS) if unknown else ""
        raise DataError(
            f"{path} is no file of corrections: its columns are {', '.join(header)[:200]}; expected path, class and, "
            f"if you like, reason, separated by commas.{hint}"
        )


def _check_paths(corrections: Mapping[str, str], known: set[str]) -> None:
    strange = [path for path in corrections if path not in known]
    if strange:
        folder, _, file = strange[0].rpartition("/")
        alike = sorted(path for path in known if path.startswith(f"{folder}/") or path.endswith(f"/{file}"))
        raise DataError(
            f"{len(strange)} of {len(corrections)} corrections name no picture of the data: {name_some(strange)}."
            f"{did_you_mean(strange[0], alike)} Expected paths relative to the data folder, as in its manifest."
        )


def _check_classes(corrections: Mapping[str, str], classes: Sequence[str]) -> None:
    strange = [(path, name) for path, name in corrections.items() if name not in (*classes, DROP)]
    if strange:
        path, name = strange[0]
        raise DataError(
            f"the correction of '{path}' ({len(strange)} such) has the class '{name}', which the data doesn't have."
            f"{did_you_mean(name, (*classes, DROP))} Expected one of its {len(classes)} classes, or {DROP}."
        )
    if DROP in classes and DROP in corrections.values():
        raise DataError(
            f"the data has a class called '{DROP}', so that corrections to it are ambiguous; rename the class"
        )


def _emptied(before: Iterable[str], after: Iterable[str]) -> list[str]:
    empty = sorted(set(before) - set(after))
    return (
        [f"WARNING: the corrections leave {len(empty)} classes without a picture: {name_some(empty)}."] if empty else []
    )
