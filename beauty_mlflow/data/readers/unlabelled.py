"""Pictures of which nobody says what they show: what is to be predicted."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from beauty_mlflow.data.csv_tables import read_rows
from beauty_mlflow.data.readers.listing import listed
from beauty_mlflow.data.readers.walking import Walk
from beauty_mlflow.data.sources.locations import Location
from beauty_mlflow.data.splits.manifest import folder_notes, is_manifest, read_split
from beauty_mlflow.errors import DataError, ParameterError, did_you_mean

Part = Literal["all", "train", "val", "test"]


@dataclass(frozen=True)
class Unlabelled:
    """Candidates for pictures; only their paths are in memory.

    Attributes:
        folder: What relative paths are relative to.
        paths: As they are to be shown: of a folder's pictures and a manifest's relative to it, sorted, else as given.
        rejected: (path, reason) of what can't be a picture.
        notes: What the user must know of what was found, one sentence each.
    """

    folder: Location
    paths: list[str]
    rejected: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.paths) + len(self.rejected)


def list_unlabelled(data: Location, part: Part = "all") -> Unlabelled:
    """List the pictures of a folder (at any depth), a manifest, or a table (CSV) with the column path; or one picture.

    Whether a listed file is there and is a picture shows when it is read.

    Args:
        data: Which of these it is, is seen: by a CSV's name, and by its header or sidecar.
        part: Of a manifest, whose pictures; all of them else.

    Raises:
        DataError: There is nothing, a folder can't be read, or a table has no column path.
        ManifestError: The manifest is damaged.
        ParameterError: A part is wanted, but the data isn't a manifest.
    """
    if data.is_file() and data.suffix.lower() == ".csv" and is_manifest(data):
        found = _in_manifest(data, part)
    elif part != "all":
        raise ParameterError(f"part is {part}, but '{data}' is no manifest; only a manifest's pictures have parts")
    elif data.is_dir():
        found = _below(data)
    elif data.suffix.lower() == ".csv":
        found = _in_table(data)
    else:
        found = _alone(data)
    if not len(found):
        raise DataError(f"'{data}' holds no picture{'' if part == 'all' else f' in the part {part}'}; name other data")
    return found


def _alone(picture: Location) -> Unlabelled:
    return (
        Unlabelled(Path(), [str(picture)]) if isinstance(picture, Path) else Unlabelled(picture.parent, [picture.name])
    )


def _below(data: Location) -> Unlabelled:
    walk = Walk(data)
    paths = walk.collect()
    return Unlabelled(data, paths, sorted(walk.rejected), walk.notes())


def _in_manifest(manifest: Location, part: Part) -> Unlabelled:
    split = read_split(manifest, check_pictures=False)
    rows = split.table if part == "all" else split.rows(part)
    notes = folder_notes(manifest, split.folder)
    if not isinstance(split.folder, Path):
        return Unlabelled(split.folder, sorted(rows["path"]), notes=notes)
    found = listed(split.folder, rows.reset_index(drop=True), [])
    return Unlabelled(split.folder, sorted(found.table["path"]), sorted(found.rejected), notes)


def _in_table(table: Location) -> Unlabelled:
    def check(header: list[str]) -> None:
        if "path" not in header:
            raise DataError(
                f"{table} has no column 'path' but {', '.join(header)[:200]}; expected a table that lists pictures: "
                f"a line 'path', then a path a line.{did_you_mean('path', header)}"
            )

    header, rows = read_rows(table, DataError, check)
    column = header.index("path")
    return Unlabelled(table.parent, [row[column] for row in rows])
