"""CSV as people and programs write it, with every error naming the file and the line."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence

from beauty_mlflow.data.regular import MAX_TEXT, read_file
from beauty_mlflow.data.sources.locations import Location
from beauty_mlflow.errors import DataError, PictureError


def read_rows(
    path: Location, error: type[DataError], check_header: Callable[[list[str]], object]
) -> tuple[list[str], list[list[str]]]:
    """Read a CSV file: UTF-8 (with or without a byte order mark), commas, a header, at most ``MAX_TEXT`` bytes.

    Args:
        path: The file.
        error: The class of the errors raised.
        check_header: Raises unless the header is the wanted one; asked before the rows are looked at.

    Returns:
        The header and the rows, each as long as the header; empty lines are no rows.

    Raises:
        DataError: of the class ``error``: the file can't be read, or isn't such a table.
    """
    if not path.is_file():
        problem = "is no file" if path.exists() else "doesn't exist"
        raise error(f"{path} {problem}; expected a CSV table")
    try:
        text = read_file(path, MAX_TEXT).decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except PictureError as failure:
        raise error(f"{path} can't be read ({failure}); expected a CSV table") from None
    except UnicodeDecodeError:
        raise error(f"{path} is no table: it isn't UTF-8 text. Expected CSV; save it as UTF-8.") from None
    except csv.Error as failure:
        raise error(f"{path} is no table: {failure}. Expected CSV with commas and double quotes.") from None
    if not lines or not lines[0]:
        raise error(f"{path} is empty; expected a CSV table with a header")
    header, rows = lines[0], [line for line in lines[1:] if line]
    check_header(header)
    _check_shape(path, header, rows, error)
    return header, rows


def has_header(path: Location, columns: Sequence[str]) -> bool:
    """Return whether a CSV file's first line names these columns and no others, without reading the rest."""
    header = ",".join(columns).encode()
    with path.open("rb") as stream:
        line = stream.readline(2 * len(header))
    return line.removeprefix(b"\xef\xbb\xbf").replace(b'"', b"").strip() == header


def csv_text(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    r"""Return rows as CSV (RFC 4180 quoting, lines end in ``\n``)."""
    stream = io.StringIO()
    listed = [tuple(header), *(tuple(row) for row in rows)]
    # the csv module leaves a bare carriage return unquoted, and then can't read it back
    returns = any("\r" in value for row in listed for value in row)
    writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL)
    writer.writerows(listed)
    return stream.getvalue()


def _check_shape(path: Location, header: list[str], rows: list[list[str]], error: type[DataError]) -> None:
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise error(f"{path} has the column '{twice[0]}' twice; expected every name once")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise error(
                f"{path}, row {number}: {len(row)} values for {len(header)} columns ({', '.join(header)}). "
                "Quote values that hold commas."
            )
