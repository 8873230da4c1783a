"""The first half of splitting: which pictures are there, which can be used, and what do they look like?"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from beauty_mlflow.data.duplicates.inspecting import Inspection, Measure, inspect_pictures
from beauty_mlflow.data.readers import Listing, list_pictures
from beauty_mlflow.data.sources.locations import Location, knowing
from beauty_mlflow.data.splits.corrections import Corrected, correct
from beauty_mlflow.data.splits.manifest import is_manifest
from beauty_mlflow.data.splits.options import SplitOptions
from beauty_mlflow.data.splits.products import products
from beauty_mlflow.data.wording import is_strange, shown
from beauty_mlflow.errors import DataError, ParameterError
from beauty_mlflow.progress import Progress

_NAMED = 5


@dataclass
class Gathered:
    """The usable pictures of some data.

    Attributes:
        folder: The data folder.
        table: Columns path, class, part (empty where it is to be decided), product, sha256; sorted by (class,
            path).
        seen: What the pictures look like, row by row.
        is_split: Whether the data said itself which part each picture belongs to.
        rejected: (path, reason) of what was left out, sorted.
        lost: Class and part of what was left out, where they are known: path to both.
        notes: Sentences that the user must read.
        corrected: How many pictures the corrections concerned; None where there are none to apply.
    """

    folder: Location
    table: pd.DataFrame
    seen: Inspection
    is_split: bool
    rejected: list[tuple[str, str]]
    lost: dict[str, tuple[str, str]]
    notes: list[str]
    corrected: Corrected | None = None


def gather(data: Location, options: SplitOptions, progress: Progress, measure: Measure | None = None) -> Gathered:
    """List the data and read every picture once; ``measure`` is what else to measure of each.

    Raises:
        DataError: the data can't be read, holds fewer than two classes, or has a class without one usable
            picture; a correction fits no picture or class; with ``strict`` also if anything had to be left out.
        ParameterError: options contradict the data.
    """
    if data.is_file() and is_manifest(data):
        raise DataError(
            f"'{data}' is a split manifest already. Use it as it is; or split the data folder that it names "
            f"again, with extend={data} to keep its parts."
        )
    listing = list_pictures(data)
    if is_strange(folder := str(listing.folder)):
        raise DataError(
            f"the name of '{shown(folder)}' isn't UTF-8, so that no manifest can say where its pictures are; rename "
            "it, or give a link to it that has another name"
        )
    if listing.is_split:
        _check_options(data, options)
    corrected = None
    if options.corrections is not None:
        listing, corrected = correct(listing, options.corrections)
    found = look_at(listing, products(listing.table, options), progress, measure)
    _check_rejected(data, found.rejected, options)
    _check_classes(data, found)
    found.corrected = corrected
    return found


def look_at(listing: Listing, product: Sequence[str], progress: Progress, measure: Measure | None = None) -> Gathered:
    """Read every listed picture once and set aside what can't be used, whatever is left."""
    table = listing.table[["path", "class", "part"]].assign(product=product)
    table = table.sort_values(["class", "path"], ignore_index=True)
    seen = inspect_pictures(listing.folder, table["path"].to_list(), progress, measure)
    reasons = dict(zip(table["path"], seen.reasons, strict=True))
    usable = [row for row, reason in enumerate(seen.reasons) if not reason]
    kept, lost = table.iloc[usable].reset_index(drop=True), table.drop(index=usable)
    seen = seen.select(usable)
    kept["sha256"] = pd.Series(seen.sha256, dtype=str)
    broken = [(path, reasons[path]) for path in lost["path"]]
    rejected = sorted([*listing.rejected, *broken])
    known = listing.lost | dict(zip(lost["path"], zip(lost["class"], lost["part"], strict=True), strict=True))
    folder = knowing(listing.folder, kept["path"], kept["sha256"])
    return Gathered(folder, kept, seen, listing.is_split, rejected, known, listing.notes)


def _check_options(data: Location, options: SplitOptions) -> None:
    for option, given in (("strategy=thesis", options.strategy == "thesis"), ("extend", options.extend)):
        if given:
            raise ParameterError(f"'{data}' says itself which part each picture belongs to; leave {option} out")


def _check_rejected(data: Location, rejected: list[tuple[str, str]], options: SplitOptions) -> None:
    if options.strict and rejected:
        raise DataError(
            f"{len(rejected)} files of '{data}' can't be used: {_name_reasons(rejected)}. Repair or remove "
            "them, or split without strict to leave them out."
        )


def _check_classes(data: Location, found: Gathered) -> None:
    rejected = found.rejected
    why = f" ({len(rejected)} files can't be used: {_name_reasons(rejected)})" if rejected else ""
    classes = sorted(set(found.table["class"]))
    broken = sorted({name for name, _ in found.lost.values()} - set(classes))
    if not classes:
        raise DataError(f"'{data}' holds no picture{why}; expected pictures of at least two classes")
    if broken:
        raise DataError(f"the class '{broken[0]}' has no usable picture{why}. Repair its pictures or remove the class.")
    if len(classes) == 1:
        raise DataError(f"'{data}' holds one class alone, '{classes[0]}'{why}; expected at least two")


def _name_reasons(rejected: list[tuple[str, str]]) -> str:
    named = "; ".join(f"'{path}': {reason}" for path, reason in rejected[:_NAMED])
    return named + ("; …" if len(rejected) > _NAMED else "")
