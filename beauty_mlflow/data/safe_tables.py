"""CSV and TSV files that are exact for programs and harmless in a spreadsheet.

Class names and paths are the user's, and a spreadsheet runs a cell that starts with = + - or @ as a formula.
Such text gets an apostrophe in front, as does text that starts with an apostrophe itself, so that reading can
undo it; all other text stays as it is.
"""

import csv
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

from beauty_mlflow.errors import DataError
from beauty_mlflow.files import atomic_path

_GUARDED = ("=", "+", "-", "@", "\t", "\r", "\n", "'")

Cell = str | int | float


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Cell]], *, delimiter: str = ",") -> None:
    """Write a table atomically: UTF-8, one line a row, quotes where a cell needs them (RFC 4180).

    Numbers are written as Python prints them. Only one row is in memory.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        sparing = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
        quoting = csv.writer(stream, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for row in itertools.chain([header], rows):
            line = [_guard(cell) for cell in row]
            # csv quotes a line feed by itself, a lone carriage return only when it quotes everything
            (quoting if any("\r" in cell for cell in line) else sparing).writerow(line)


def read_table(path: Path, *, delimiter: str = ",") -> tuple[list[str], list[list[str]]]:
    """Read what write_table wrote: the header and the rows, all as text.

    Raises:
        DataError: It can't be read, or isn't a table.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            lines = list(csv.reader(stream, delimiter=delimiter, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} can't be read as a table ({error}); fetch it again.") from error
    if not lines or any(len(line) != len(lines[0]) for line in lines):
        raise DataError(f"{path} is no table: expected a header and rows of the same length; fetch it again.")
    header, *rows = [[unguard(cell) for cell in line] for line in lines]
    return header, rows


def exact(number: float) -> str:
    """Return a float32 in the nine digits that bring it back exactly."""
    return f"{number:.9g}"


def _guard(cell: Cell) -> str:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_GUARDED) else str(cell)


def unguard(cell: str) -> str:
    """Return a cell's text without the apostrophe that write_table put in front."""
    return cell.removeprefix("'")
