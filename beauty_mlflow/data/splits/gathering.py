"""The first half of splitting: which pictures are there, which can be used, and what do they look like?"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from beauty_mlflow.data.duplicates.inspecting import Inspection, inspect_pictures
from beauty_mlflow.data.progress import Progress
from beauty_mlflow.data.readers import list_pictures
from beauty_mlflow.data.splits.manifest import is_manifest
from beauty_mlflow.data.splits.options import SplitOptions
from beauty_mlflow.data.splits.products import products
from beauty_mlflow.errors import DataError, ParameterError

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
        rejected: (path, reason) of what was left out.
        notes: Sentences that the user must read.
    """

    folder: Path
    table: pd.DataFrame
    seen: Inspection
    is_split: bool
    rejected: list[tuple[str, str]]
    notes: list[str]


def gather(data: Path, options: SplitOptions, progress: Progress) -> Gathered:
    """List the data and read every picture once.

    Raises:
        DataError: the data can't be read, holds fewer than two classes, or has a class without one usable
            picture; with ``strict`` also if anything had to be left out.
        ParameterError: options contradict the data.
    """
    if data.is_file() and is_manifest(data):
        raise DataError(
            f"'{data}' is a split manifest already. Use it as it is; or split the data folder that it names "
            f"again, with extend={data} to keep its parts."
        )
    listing = list_pictures(data)
    if listing.is_split:
        _check_options(data, options)
    table = listing.table[["path", "class", "part"]].assign(product=products(listing.table, options))
    table = table.sort_values(["class", "path"], ignore_index=True)
    seen = inspect_pictures(listing.folder, table["path"].to_list(), progress)
    broken = [(path, reason) for path, reason in zip(table["path"], seen.reasons, strict=True) if reason]
    rejected = sorted([*listing.rejected, *broken])
    _check_rejected(data, rejected, options)
    usable = [row for row, reason in enumerate(seen.reasons) if not reason]
    kept, seen = table.iloc[usable].reset_index(drop=True), seen.select(usable)
    _check_classes(data, table, kept, rejected)
    kept["sha256"] = pd.Series(seen.sha256, dtype=str)
    return Gathered(listing.folder, kept, seen, listing.is_split, rejected, listing.notes)


def _check_options(data: Path, options: SplitOptions) -> None:
    for option, given in (("strategy=thesis", options.strategy == "thesis"), ("extend", options.extend)):
        if given:
            raise ParameterError(f"'{data}' says itself which part each picture belongs to; leave {option} out")


def _check_rejected(data: Path, rejected: list[tuple[str, str]], options: SplitOptions) -> None:
    if options.strict and rejected:
        raise DataError(
            f"{len(rejected)} files of '{data}' can't be used: {_name_reasons(rejected)}. Repair or remove "
            "them, or split without strict to leave them out."
        )


def _check_classes(data: Path, listed: pd.DataFrame, kept: pd.DataFrame, rejected: list[tuple[str, str]]) -> None:
    why = f" ({len(rejected)} files can't be used: {_name_reasons(rejected)})" if rejected else ""
    classes = sorted(set(kept["class"]))
    broken = sorted(set(listed["class"]) - set(classes))
    if not classes:
        raise DataError(f"'{data}' holds no picture{why}; expected pictures of at least two classes")
    if broken:
        raise DataError(f"the class '{broken[0]}' has no usable picture{why}. Repair its pictures or remove the class.")
    if len(classes) == 1:
        raise DataError(f"'{data}' holds one class alone, '{classes[0]}'{why}; expected at least two")


def _name_reasons(rejected: list[tuple[str, str]]) -> str:
    named = "; ".join(f"'{path}': {reason}" for path, reason in rejected[:_NAMED])
    return named + ("; …" if len(rejected) > _NAMED else "")
