import posixpath
from functools import partial

import pandas as pd

from beauty_mlflow.data.csv_tables import read_rows
from beauty_mlflow.data.readers.listing import PART_NAMES, Listing, Reader, listed
from beauty_mlflow.data.readers.naming import THESIS_NAMES, class_names
from beauty_mlflow.data.sources.locations import Location
from beauty_mlflow.data.splits.verifying import stays_inside
from beauty_mlflow.errors import DataError, did_you_mean


def read(data: Location) -> Listing:
    """List a CSV table with the columns path, class and, if the data is split, part.

    Paths are relative to the table's folder. Other columns are kept, for ``group_by``. A path where there is
    no picture is rejected, not an error.

    Raises:
        DataError: it is no such table; a path leaves the table's folder or is listed twice; a class is empty,
            or two would become equal; a part is unknown or only sometimes given.
    """
    header, rows = read_rows(data, DataError, partial(_check_header, data))
    table = pd.DataFrame(rows, columns=header, dtype=str)
    table["path"] = [posixpath.normpath(path) if path else "" for path in table["path"]]
    _check_paths(data, table)
    _check_classes(data, table)
    table["class"], notes = _stripped(table["class"])
    table["part"] = _parts(data, table)
    return listed(data.absolute().parent, table, notes)


def _check_header(data: Location, header: list[str]) -> None:
    for name in ("path", "class"):
        if name not in header:
            is_separated = len(header) == 1 and any(separator in header[0] for separator in ";\t|")
            hint = " It seems to be separated by something else than commas." if is_separated else ""
            raise DataError(
                f"{data} is no table of pictures and no manifest: it has no column '{name}' but "
                f"{', '.join(header)[:200]}; expected path, class and, if the data is split, part."
                f"{hint}{did_you_mean(name, header)}"
            )


def _check_paths(data: Location, table: pd.DataFrame) -> None:
    for row, path in enumerate(table["path"], start=1):
        if not stays_inside(path):
            raise DataError(
                f"{data}, row {row}: the path is '{path}'; expected one relative to the table's folder, inside it"
            )
    twice = table["path"][table["path"].duplicated()]
    if len(twice):
        raise DataError(f"{data} lists '{twice.iloc[0]}' twice ({len(twice)} duplicate rows); expected it once")


def _check_classes(data: Location, table: pd.DataFrame) -> None:
    nameless = table.index[table["class"].str.strip() == ""]
    if len(nameless):
        raise DataError(
            f"{data}, row {nameless[0] + 1}: the class is empty ({len(nameless)} such rows); expected a name"
        )


def _stripped(classes: "pd.Series[str]") -> tuple["pd.Series[str]", list[str]]:
    names = class_names(classes)
    if all(name == shown for name, shown in names.items()):
        return classes, []
    return classes.map(names), [f"All {len(names)} classes are called {THESIS_NAMES}; prefix and digits were dropped."]


def _parts(data: Location, table: pd.DataFrame) -> "pd.Series[str]":
    if "part" not in table:
        return pd.Series("", index=table.index, dtype=str)
    for row, part in enumerate(table["part"], start=1):
        if part not in PART_NAMES and (part or table["part"].any()):
            raise DataError(
                f"{data}, row {row}: the part is '{part}'; expected train, val or test in every row (or no "
                f"column part).{did_you_mean(part, PART_NAMES)}"
            )
    return table["part"].map(lambda part: PART_NAMES.get(part, ""))


READER = Reader(recognizes=lambda data: data.is_file(), read=read)
