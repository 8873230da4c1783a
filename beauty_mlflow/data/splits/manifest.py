"""The split: which picture is train, validation or test. A manifest on disk, one object in memory.

On disk it is ``<stem>.csv`` (one picture a row) and ``<stem>.json`` (where the pictures are, how the split
was made).
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from beauty_mlflow import __version__
from beauty_mlflow.data.csv_tables import csv_text, has_header, read_rows
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.regular import MAX_TEXT, read_file
from beauty_mlflow.data.sources.locations import AnyLocation, Location, beside, is_below, knowing, locate
from beauty_mlflow.data.splits.verifying import check_columns, check_rows, verify_pictures
from beauty_mlflow.errors import DataError, ManifestError, ParameterError, PictureError, did_you_mean
from beauty_mlflow.files import write_text
from beauty_mlflow.progress import Progress, silent_progress

PARTS = ("train", "val", "test")
COLUMNS = ("path", "class", "part", "sha256", "duplicate_group", "product")


@dataclass(frozen=True)
class Split:
    """Which picture is in which part. Class ids are decided here, once: the position in ``classes``.

    Attributes:
        folder: The data folder that the paths are relative to.
        table: One picture a row, sorted by (class, path); all columns of ``COLUMNS`` are text.
            ``duplicate_group`` and ``product`` are empty where a picture belongs to none.
        classes: The class names in the order of their ids.
        options: What the split was made with, as JSON can hold it.
        quarantined: How many files couldn't be used when it was made.
        dropped: The copies that were left out on request: path to the path of the picture that stayed.
    """

    folder: Location
    table: pd.DataFrame
    classes: tuple[str, ...]
    options: Mapping[str, object]
    quarantined: int = 0
    dropped: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> str:
        """The data's identity: sha256 (hex) over the sorted (class, sha256, part) rows."""
        return _digest(self.table)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Pictures a part and class, every part and class listed."""
        found = Counter(zip(self.table["part"], self.table["class"], strict=True))
        return {part: {name: found[part, name] for name in self.classes} for part in PARTS}

    @property
    def sizes(self) -> dict[str, int]:
        """Pictures a part, every part listed."""
        found = Counter(self.table["part"])
        return {part: found[part] for part in PARTS}

    def part(self, name: str) -> Pictures:
        """Return the pictures of one part, in manifest order.

        Raises:
            ParameterError: the part isn't one of ``PARTS``.
        """
        rows = self.rows(name)
        ids = {name: position for position, name in enumerate(self.classes)}
        return Pictures(
            folder=self.folder,
            paths=tuple(rows["path"]),
            labels=np.array([ids[name] for name in rows["class"]], dtype=np.int32),
            keys=np.array([int(digest[:16], 16) for digest in rows["sha256"]], dtype=np.uint64),
            classes=self.classes,
        )

    def digest(self, part: str) -> str:
        """Return the identity of one part: 32 hex digits of sha256 over its (class, sha256, part) rows."""
        return _digest(self.rows(part))[:32]

    def largest_share(self, part: str) -> float:
        """Return the largest class's share of the part: the accuracy of always guessing that class."""
        rows = self.rows(part)
        if rows.empty:
            raise DataError(f"the part {part} holds no picture, so no class has a share of it")
        return float(rows["class"].value_counts(normalize=True).max())

    def rows(self, part: str) -> pd.DataFrame:
        """Return the table's rows of one part.

        Raises:
            ParameterError: the part isn't one of ``PARTS``.
        """
        if part not in PARTS:
            raise ParameterError(
                f"'{part}' is no part of a split; expected one of {', '.join(PARTS)}.{did_you_mean(part, PARTS)}"
            )
        return self.table[self.table["part"] == part]


class _Options(BaseModel):
    """What a split was made with; of what others read in it, the form is checked."""

    model_config = ConfigDict(extra="allow", frozen=True)

    groups: dict[str, list[str]] = {}
    corrections: dict[str, str] = {}


class _Sidecar(BaseModel):
    """What stands in ``<stem>.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str
    options: _Options
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    fingerprint: str = Field(pattern="^[0-9a-f]{64}$")
    quarantined: int = Field(ge=0)
    dropped: dict[str, str] = {}
    version: str


def sidecar_path(manifest: AnyLocation) -> AnyLocation:
    """Return where the manifest's JSON sidecar is."""
    return beside(manifest, ".json")


def sort_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the manifest's columns in their order and its rows sorted by (class, path)."""
    return table.loc[:, list(COLUMNS)].sort_values(["class", "path"], ignore_index=True)


def write_split(split: Split, path: Path) -> None:
    """Write the manifest and then its sidecar, each atomically.

    Raises:
        ParameterError: the path doesn't end in ``.csv``.
    """
    if path.suffix != ".csv":
        raise ParameterError(f"'{path}' is no name for a manifest; expected a file name that ends in .csv")
    sidecar = _Sidecar(
        folder=str(split.folder.absolute()),
        options=_Options.model_validate(dict(split.options)),
        classes=split.classes,
        counts=split.counts,
        fingerprint=split.fingerprint,
        quarantined=split.quarantined,
        dropped=dict(split.dropped),
        version=__version__,
    )
    write_text(path, csv_text(COLUMNS, split.table.loc[:, list(COLUMNS)].itertuples(index=False)))
    write_text(
        sidecar_path(path), json.dumps(sidecar.model_dump(exclude_unset=True), ensure_ascii=False, indent=2) + "\n"
    )


def is_manifest(path: Location) -> bool:
    """Return whether a file is meant as a manifest: it has the header, or a sidecar beside it."""
    return has_manifest_header(path) or _has_fingerprint(sidecar_path(path))


def has_manifest_header(path: Location) -> bool:
    """Return whether a file's first line names a manifest's columns and no others."""
    return has_header(path, COLUMNS)


def is_sidecar(path: Path) -> bool:
    """Return whether a file is the JSON sidecar of some manifest."""
    try:
        _Sidecar.model_validate_json(read_file(path, MAX_TEXT))
    except (PictureError, ValidationError):
        return False
    return True


def read_split(
    path: Location,
    *,
    check_pictures: bool = True,
    folder: Location | None = None,
    cache_gb: float = 0,
    progress: Progress = silent_progress,
) -> Split:
    """Read a manifest and verify it.

    Args:
        path: The ``.csv`` file; its ``.json`` stands beside it.
        check_pictures: Also compare every picture's sha256.
        folder: The data folder, where it isn't any more what the sidecar says.
        cache_gb: What the cache may take with pictures that lie in S3; 0 is a fifth of the free space.
        progress: Shows how far the pictures' check is.

    Raises:
        ManifestError: it is no manifest, its sidecar is missing, a row or the fingerprint is wrong, or a
            picture is missing or changed.
    """
    if path.is_dir():
        raise ManifestError(
            f"'{path}' is a folder; expected a split's manifest. Make one with: beauty split --data {path}"
        )
    _, rows = read_rows(path, ManifestError, partial(check_columns, path, expected=COLUMNS))
    sidecar = _read_sidecar(path)
    table = pd.DataFrame(rows, columns=list(COLUMNS), dtype=str)
    check_rows(path, table, sidecar.classes, PARTS)
    table = sort_rows(table)
    if _digest(table) != sidecar.fingerprint:
        raise ManifestError(
            f"{path} was changed after it was made: its rows don't give the fingerprint in "
            f"{sidecar_path(path).name}. Take the original file or split again."
        )
    split = Split(
        knowing(folder or locate(sidecar.folder, cache_gb), table["path"], table["sha256"]),
        table,
        sidecar.classes,
        sidecar.options.model_dump(exclude_unset=True),
        sidecar.quarantined,
        sidecar.dropped,
    )
    if check_pictures:
        verify_pictures(path, split.folder, split.table, progress)
    return split


def folder_notes(manifest: Location, folder: Location) -> list[str]:
    """Return a sentence that says where a manifest's pictures are read, unless that is beside or below it."""
    if is_below(folder, manifest.parent):
        return []
    return [f"The pictures of '{manifest}' are read from '{folder}', as its sidecar says."]


def _has_fingerprint(path: Location) -> bool:
    try:
        return b'"fingerprint"' in read_file(path, MAX_TEXT)
    except PictureError:
        return False


def _read_sidecar(manifest: Location) -> _Sidecar:
    path = sidecar_path(manifest)
    try:
        return _Sidecar.model_validate_json(read_file(path, MAX_TEXT))
    except PictureError as error:
        raise ManifestError(
            f"{manifest} lacks its sidecar {path.name} ({error}). Put it beside the manifest or split again."
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ManifestError(
            f"{path} is no sidecar of a manifest: {where or 'the file'}: {first['msg']}. Split again."
        ) from None


def _digest(table: pd.DataFrame) -> str:
    rows = sorted(zip(*(table[name].tolist() for name in ("class", "sha256", "part")), strict=True))
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row).encode() + b"\n")
    return digest.hexdigest()
