"""A check-up of pictures before anybody trains on them: what is there, and what is wrong with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from beauty_mlflow.data.checkup.copies import copy_findings, product_findings
from beauty_mlflow.data.checkup.findings import Findings, exceeding
from beauty_mlflow.data.checkup.kinds import BROKEN, CHANGED, KINDS, Kind
from beauty_mlflow.data.checkup.measuring import Measuring
from beauty_mlflow.data.checkup.notes import data_notes
from beauty_mlflow.data.checkup.pixels import blank_pictures, grey_pictures, pixel_findings
from beauty_mlflow.data.duplicates.finding import TOLERANCE
from beauty_mlflow.data.readers import Listing, list_pictures
from beauty_mlflow.data.readers.listing import listed
from beauty_mlflow.data.sources.locations import Location, is_there, knowing
from beauty_mlflow.data.splits.gathering import Gathered, look_at
from beauty_mlflow.data.splits.manifest import folder_notes, is_manifest, read_split
from beauty_mlflow.data.splits.options import SplitOptions
from beauty_mlflow.data.splits.products import products
from beauty_mlflow.data.splits.splitting import Splitting
from beauty_mlflow.errors import DataError, ManifestError
from beauty_mlflow.progress import Progress


class Finding(NamedTuple):
    """One line of findings.csv; class and part are empty where they aren't known."""

    path: str
    class_name: str
    part: str
    finding: str
    value: str
    detail: str


@dataclass(frozen=True, eq=False)
class Checkup:
    """What a check-up found.

    Attributes:
        name: What was checked, as the user named it.
        folder: The data folder.
        table: The usable pictures, a row each: path, class, part, product, sha256, kind, mode, width, height.
        found: Every kind's findings but the broken files; kinds in the order of ``KINDS``.
        broken: What can't be used.
        notes: What else the user must read.
        is_split: Whether a split was checked.
        options: What the split was made with, as its sidecar has it; empty where there is none.
    """

    name: str
    folder: Location
    table: pd.DataFrame
    found: tuple[Findings, ...]
    broken: list[Finding]
    notes: list[str] = field(default_factory=list)
    is_split: bool = False
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def corrections(self) -> dict[str, str]:
        """What the split's own corrections say of files that are still there: path to class or ``drop``."""
        own = self.options.get("corrections")
        given = own if isinstance(own, Mapping) else {}
        return {path: str(name) for path, name in given.items() if is_there(self.folder / path)}

    @property
    def counts(self) -> dict[Kind, int]:
        """How many findings there are of each kind, every kind listed."""
        counted = {each.kind: len(each) for each in self.found} | {BROKEN: len(self.broken)}
        return {kind: counted.get(kind, 0) for kind in KINDS}

    @property
    def serious(self) -> int:
        """How many findings are such that figures or training suffer."""
        return sum(count for kind, count in self.counts.items() if kind.serious)

    def lines(self) -> Iterator[Finding]:
        """Yield every finding in words, the kinds in the order of ``KINDS``."""
        yield from self.broken
        for each in self.found:
            yield from self.described(each)

    def described(self, found: Findings, places: Sequence[int] | None = None) -> Iterator[Finding]:
        """Yield the findings of one kind in words, all or those at some places."""
        chosen = np.arange(len(found)) if places is None else np.asarray(places, np.int64)
        paths, classes, parts = (self.table[name].to_numpy(dtype=object) for name in ("path", "class", "part"))
        for row, value, other in zip(found.rows[chosen], found.measured[chosen], found.others[chosen], strict=True):
            words = found.kind.detail.format(
                value=value, other=paths[other], other_class=classes[other], other_part=parts[other], **found.limits
            )
            number = "" if np.isnan(value) else f"{value:.4g}"
            yield Finding(paths[row], classes[row], parts[row], found.kind.name, number, words)


def check_data(data: Location, progress: Progress, *, group_by: str = "", near: int = TOLERANCE) -> Checkup:
    """Check whatever a split can be made of, or a split.

    Args:
        data: A folder of class folders, a split folder, a table or a manifest.
        progress: Shows how far the reading is.
        group_by: As a split's; a manifest knows its own products.
        near: How much a value of two near copies' thumbnails may differ, of 255.

    Raises:
        DataError: The data can't be read, or holds no picture that can be used.
        ManifestError: The manifest is damaged, or its folder isn't there.
        ParameterError: ``group_by`` names no product.
    """
    expected: dict[str, str] = {}
    options: Mapping[str, object] = {}
    is_split = data.is_file() and is_manifest(data)
    if is_split:
        listing, expected, options = _listed_manifest(data)
    else:
        listing = list_pictures(data)
    product = (
        listing.table["product"]
        if expected and not group_by
        else products(listing.table, SplitOptions(group_by=group_by))
    )
    found = look_at(listing, list(product), progress, Measuring())
    if found.table.empty:
        raise DataError(f"'{data}' holds no picture that can be used; {len(found.rejected)} files were looked at")
    wanted = found.table["path"].map(expected).fillna(found.table["sha256"])
    checkup = _check(str(data), found, near, (wanted != found.table["sha256"]).to_numpy(dtype=bool))
    return replace(checkup, is_split=is_split, options=options)


def check_splitting(name: str, splitting: Splitting) -> Checkup:
    """Check pictures that were measured while they were split; what was dropped as a copy is in no part."""
    if splitting.gathered is None:
        raise ValueError("this split was read, not made, so that its pictures weren't measured")
    table = splitting.gathered.table
    parts = dict(zip(splitting.split.table["path"], splitting.split.table["part"], strict=True))
    placed = table.assign(part=[parts.get(path, "") for path in table["path"]])
    checkup = _check(name, replace(splitting.gathered, table=placed), TOLERANCE, np.zeros(len(placed), dtype=bool))
    return replace(checkup, options=splitting.split.options)


def _listed_manifest(manifest: Location) -> tuple[Listing, dict[str, str], Mapping[str, object]]:
    """Return a manifest's pictures, the sha256 that each path should have, and the split's options."""
    split = read_split(manifest, check_pictures=False)
    if isinstance(split.folder, Path) and not split.folder.is_dir():
        raise ManifestError(
            f"the data folder of {manifest} isn't there: {split.folder}. Put it back, or check the data where it is."
        )
    folder = knowing(split.folder, (), ())  # to be read anew: what is looked for are changes
    listing = listed(folder, split.table, folder_notes(manifest, split.folder))
    return listing, dict(zip(listing.table["path"], listing.table["sha256"], strict=True)), split.options


def _check(name: str, found: Gathered, near: int, changed: npt.NDArray[np.bool_]) -> Checkup:
    table, seen = found.table, found.seen
    listed = [
        exceeding(CHANGED, changed, np.full(len(table), np.nan), ""),
        *copy_findings(table, seen, blank_pictures(seen), near),
        product_findings(table),
        *pixel_findings(seen),
    ]
    described = table[["path", "class", "part", "product", "sha256"]].assign(
        **{column: seen.measures[column] for column in ("kind", "mode", "width", "height")}
    )
    broken = [
        Finding(path, *found.lost.get(path, ("", "")), BROKEN.name, "", reason) for path, reason in found.rejected
    ]
    order = sorted(listed, key=lambda each: KINDS.index(each.kind))
    notes = [*found.notes, *data_notes(described, grey_pictures(seen))]
    return Checkup(name, found.folder, described, tuple(order), broken, notes)
