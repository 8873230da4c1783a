"""A table of predictions that grows part by part, so that an interrupted command loses little and holds little.

The parts are Parquet files in a hidden folder beside the table, with a note of what is predicted by what. When all
are there, they are joined into the table, and the folder goes.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from beauty_mlflow.data.safe_tables import Cell, exact, write_table
from beauty_mlflow.data.splits.outputs import writing
from beauty_mlflow.errors import DataError, WorkError
from beauty_mlflow.files import atomic_path, sync, write_text
from beauty_mlflow.jobs.outputs import require_absent
from beauty_mlflow.locks import try_lock
from beauty_mlflow.serving.answers import Answer

ROWS = 1024  # a part; what an interruption loses at most
SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("label", pa.string()),
        ("probability", pa.float32()),
        ("top", pa.list_(pa.struct([("label", pa.string()), ("probability", pa.float32())]))),
        ("abstained", pa.bool_()),
        ("error", pa.string()),
        ("model_version", pa.string()),
    ]
)

_PLAN = "plan.json"
_LOCK = "lock"
_GROUP = 65_536  # rows that Parquet keeps together


@dataclass
class Counts:
    """How many rows a table has, and how many of them have an error, or an answer that is abstained from."""

    rows: int = 0
    errors: int = 0
    abstained: int = 0

    def add(self, table: Any) -> None:  # noqa: ANN401 - pyarrow is untyped
        """Count a part's rows."""
        self.rows += table.num_rows
        self.errors += table.num_rows - table["error"].null_count
        self.abstained += table["abstained"].to_pylist().count(True)


class Parts:
    """The finished parts of a table, in their order; made by ``open_parts``."""

    def __init__(self, out: Path, folder: Path) -> None:
        self._out = out
        self._folder = folder
        self._files: list[Path] = []
        self.done = 0
        for path in sorted(folder.glob("[0-9]*.parquet")):
            if path != self._next():
                raise DataError(f"'{path}' isn't what is expected after {self.done} rows; {_begin_anew(folder)}")
            self._files.append(path)
            self.done += _count_rows(path)

    def append(self, rows: Sequence[tuple[str, Answer]]) -> None:
        """Write the next part: pictures' paths and answers.

        Raises:
            DataError: The folder isn't writable, or has no room.
        """
        table = pa.Table.from_pylist([{"path": path, **asdict(answer)} for path, answer in rows], SCHEMA)
        path = self._next()
        with writing(self._out), atomic_path(path) as temporary, temporary.open("wb") as stream:
            pq.write_table(table, stream)  # an open file: pyarrow takes only UTF-8 for a path, and some for addresses
        self._files.append(path)
        self.done += len(rows)

    def join(self, rows: int, top: int) -> Counts:
        """Make the table of all parts, one part in memory at a time, and remove them.

        Args:
            rows: How many the table has to have.
            top: How many classes a CSV's columns list.

        Raises:
            DataError: The folder isn't writable, or has no room.
            WorkError: There are more or fewer rows.
        """
        counts = Counts()
        joined = self._folder / f"joined{self._out.suffix}"  # here, so that a killed command leaves nothing elsewhere
        with writing(self._out):
            if self._out.suffix.lower() == ".csv":
                write_table(joined, _csv_header(top), self._csv_rows(counts, top))
            else:
                self._write_parquet(joined, counts)
            if counts.rows != rows:
                raise WorkError(f"{counts.rows} rows were predicted of {rows}; {_begin_anew(self._folder)}")
            joined.replace(self._out)
            sync(self._out.parent)
        shutil.rmtree(self._folder, ignore_errors=True)
        return counts

    def _next(self) -> Path:
        return self._folder / f"{self.done:012d}.parquet"

    def _tables(self, counts: Counts) -> Iterator[Any]:
        for path in self._files:
            with path.open("rb") as stream:
                table = pq.read_table(stream, schema=SCHEMA)
            counts.add(table)
            yield table

    def _write_parquet(self, path: Path, counts: Counts) -> None:
        with (
            atomic_path(path) as temporary,
            temporary.open("wb") as stream,
            pq.ParquetWriter(stream, SCHEMA) as writer,
        ):
            group: list[Any] = []
            for table in self._tables(counts):
                group.append(table)
                if sum(part.num_rows for part in group) >= _GROUP:
                    writer.write_table(pa.concat_tables(group))
                    group = []
            if group:
                writer.write_table(pa.concat_tables(group))

    def _csv_rows(self, counts: Counts, top: int) -> Iterator[list[Cell]]:
        for table in self._tables(counts):
            for row in table.to_pylist():
                yield _csv_row(row, top)


@contextmanager
def open_parts(out: Path, plan: Mapping[str, str]) -> Iterator[Parts]:
    """Yield the parts that an earlier command has finished, or none; a folder without any doesn't stay.

    Args:
        out: The table that they will be.
        plan: What decides the rows, by its name in a sentence; an earlier command's has to be the same.

    Raises:
        DataError: The table is there already, another process makes it, or the plan is another one.
    """
    folder = out.with_name(f".{out.name}.partial")
    with writing(out):
        require_absent(out)
        folder.mkdir(parents=True, exist_ok=True)
        lock = try_lock(folder / _LOCK, exclusive=True)
    if lock is None:
        raise DataError(f"another process is predicting into '{out}' now; wait for it, or give out another name")
    try:
        require_absent(out)  # that process may have ended meanwhile
        with writing(out):
            _check_plan(folder, plan)
        parts = Parts(out, folder)
        try:
            yield parts
        finally:
            if not parts.done:
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()


def _check_plan(folder: Path, plan: Mapping[str, str]) -> None:
    path = folder / _PLAN
    if not path.exists():
        write_text(path, json.dumps(dict(plan), indent=2, ensure_ascii=False) + "\n")
        return
    try:
        begun = dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}); {_begin_anew(folder)}") from None
    differences = [
        f"{name} was {begun.get(name)} and is {plan.get(name)}"
        for name in {**begun, **plan}
        if begun.get(name) != plan.get(name)
    ]
    if differences:
        raise DataError(
            f"predictions into this file were begun and interrupted, but not the same ones: {'; '.join(differences)}. "
            f"Give the same again to go on, or {_begin_anew(folder)}"
        )


def _begin_anew(folder: Path) -> str:
    return f"remove the folder '{folder}' to begin anew"


def _count_rows(path: Path) -> int:
    try:
        with path.open("rb") as stream:
            return int(pq.read_metadata(stream).num_rows)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"'{path}' is damaged ({error}); {_begin_anew(path.parent)}") from None


def _csv_header(top: int) -> list[str]:
    best = [name for place in range(1, top + 1) for name in (f"top{place}", f"top{place}_probability")]
    return ["path", "label", "probability", *best, "abstained", "error", "model_version"]


def _csv_row(row: Mapping[str, Any], top: int) -> list[Cell]:
    best: list[Cell] = [cell for guess in row["top"] for cell in (guess["label"], exact(guess["probability"]))] or [
        ""
    ] * (2 * top)
    abstained = "true" if row["abstained"] else "false"
    label, error = row["label"] or "", row["error"] or ""
    probability = "" if row["probability"] is None else exact(row["probability"])
    return [row["path"], label, probability, *best, abstained, error, row["model_version"]]
