"""A check-up as files: a page for people, tables for programs, and proposals for somebody to edit."""

import hashlib
import json
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from beauty_mlflow.data.checkup.checking import Checkup, Finding
from beauty_mlflow.data.checkup.classes import COLUMNS as CLASS_COLUMNS
from beauty_mlflow.data.checkup.classes import class_table
from beauty_mlflow.data.checkup.kinds import KINDS
from beauty_mlflow.data.checkup.page import MARK, page
from beauty_mlflow.data.csv_tables import has_header
from beauty_mlflow.data.safe_tables import read_table, write_table
from beauty_mlflow.data.splits.corrections import COLUMNS as CORRECTIONS_COLUMNS
from beauty_mlflow.data.splits.corrections import DROP
from beauty_mlflow.errors import DataError
from beauty_mlflow.files import atomic_path, write_text
from beauty_mlflow.progress import Progress

PAGE = "report.html"
FINDINGS = "findings.csv"
CLASSES = "classes.csv"
CORRECTIONS = "corrections.csv"
OWN = "one of the split's own corrections"
FILES = (PAGE, FINDINGS, CLASSES, CORRECTIONS)
FINDING_COLUMNS = ("path", "class", "part", "finding", "value", "detail")
_DROPPING = frozenset(kind.name for kind in KINDS if kind.drops)


def write_checkup(checkup: Checkup, out: Path, progress: Progress) -> tuple[int, int]:
    """Write the page and the tables into a folder.

    Returns how many pictures corrections.csv newly proposes to drop, and how many of the split's own corrections it
    keeps.

    Earlier ones are replaced once all four are written. Whatever happens in between, no corrections.csv is left beside
    findings that it doesn't belong to.

    Raises:
        DataError: A file can't be written.
    """
    proposals = _proposals(checkup.lines())
    corrections = _corrections(checkup, proposals)
    try:
        with ExitStack() as files:  # the last one entered is the first to take its place
            last_to_first = (CORRECTIONS, PAGE, CLASSES, FINDINGS)
            new = {name: files.enter_context(atomic_path(out / name)) for name in last_to_first}
            write_table(new[FINDINGS], FINDING_COLUMNS, checkup.lines())
            write_table(new[CLASSES], CLASS_COLUMNS, class_table(checkup).itertuples(index=False, name=None))
            write_table(new[CORRECTIONS], CORRECTIONS_COLUMNS, corrections)
            write_text(new[PAGE], page(checkup, progress) + _seal(corrections))
            (out / CORRECTIONS).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(out, error) from None
    return len(proposals), len(corrections) - len(proposals)


def check_out(out: Path) -> None:
    """Make the folder, and make sure that nothing but an earlier check-up is replaced, and no edited corrections.

    Raises:
        DataError: The folder can't be written, or a file in it isn't a check-up's or holds somebody's work.
    """
    rules = {
        PAGE: lambda path: MARK.encode() in path.read_bytes()[:1000],
        FINDINGS: lambda path: has_header(path, FINDING_COLUMNS),
        CLASSES: lambda path: has_header(path, CLASS_COLUMNS),
        CORRECTIONS: _is_unedited,
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, is_ours in rules.items():
            path = out / name
            if (path.exists() or path.is_symlink()) and not (path.is_file() and is_ours(path)):
                what = "was edited" if name == CORRECTIONS else "is no check-up's"
                raise DataError(
                    f"'{path}' {what}, so it isn't replaced; move it away, or give out the name of another folder"
                )
    except OSError as error:
        raise _unwritable(out, error) from None


def _proposals(lines: Iterable[Finding]) -> dict[str, tuple[str, str, str]]:
    found: dict[str, tuple[str, str, str]] = {}
    for line in lines:
        if line.finding in _DROPPING:
            found.setdefault(line.path, (line.path, DROP, line.detail))
    return found


def _corrections(checkup: Checkup, proposals: dict[str, tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Return the split's own corrections, which splitting again would otherwise forget, and the proposals.

    A proposal about a picture that has one says how to keep it: without a line the picture is of its folder's class.
    """
    own = {path: (path, name, OWN) for path, name in checkup.corrections.items()}
    again = {
        path: (path, DROP, f"{reason}; if it is right, write {own[path][1]} for {DROP}: {OWN}")
        for path, _, reason in proposals.values()
        if path in own
    }
    return list((own | proposals | again).values())


def _seal(corrections: Iterable[Iterable[str]]) -> str:
    """Return the page's last line, by which corrections that somebody has edited are told from these."""
    rows = json.dumps([[*row] for row in corrections])
    return f"<!-- {CORRECTIONS}: {hashlib.sha256(rows.encode()).hexdigest()} -->\n"


def _is_unedited(corrections: Path) -> bool:
    """Return whether corrections are those that were written with the page beside them."""
    try:
        _, rows = read_table(corrections)
        return corrections.with_name(PAGE).read_bytes().endswith(_seal(rows).encode())
    except (DataError, FileNotFoundError):
        return False


def _unwritable(out: Path, error: OSError) -> DataError:
    return DataError(
        f"'{out}' can't be written ({error.strerror or error}); give out a folder that is writable and has room"
    )
