"""What lies in a spool's folder, for whoever reads, counts or deletes it.

A folder holds ``header.json`` (what the run is and where it goes), ``journal.jsonl`` (a change a line, each on the disk
before the next step of the work), ``files/`` (what is to be uploaded) and ``sent`` (how far it has arrived).
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from beauty_mlflow.errors import WorkError
from beauty_mlflow.files import state_folder
from beauty_mlflow.locks import Lock, is_held, try_lock
from beauty_mlflow.temporary import bytes_below
from beauty_mlflow.tracking.changes import CHANGE, Change
from beauty_mlflow.tracking.failures import shorten

HEADER, JOURNAL, SENT, FILES = "header.json", "journal.jsonl", "sent", "files"
_LOCK = "lock"
_REASON_LENGTH = 200


@dataclass(frozen=True)
class Header:
    """What a spool belongs to.

    Attributes:
        destination: The store, without credentials.
        experiment: The name of the experiment.
        experiment_id: Its id; empty where the store hasn't been asked.
        run_id: The run's id there; empty until the store has given one.
        name: Of a run that is still to be made.
        tags: The first tags of one.
        start: When it began, in ms since 1970.
        overlaps: Whether the store may have some of the changes from before, as the run went on without being read.
    """

    destination: str
    experiment: str
    experiment_id: str = ""
    run_id: str = ""
    name: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    start: int = 0
    overlaps: bool = False


def spool_folder() -> Path:
    """Return the folder that holds a folder for each run with something unsent."""
    return state_folder() / "spool"


def read_header(folder: Path) -> Header:
    """Return what a spool belongs to.

    Raises:
        WorkError: It doesn't say so: it is damaged.
    """
    path = folder / HEADER
    try:
        return Header(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise _damaged(path, error) from None


def discard_spool(folder: Path) -> None:
    """Delete a spool, readable or not.

    Raises:
        WorkError: A process is at work on it, or it can't be deleted.
    """
    lock = take(folder)
    try:
        delete(folder, lock)
    except OSError as error:
        raise WorkError(f"{folder} can't be deleted: {error}.") from error
    finally:
        lock.release()


def take(folder: Path) -> Lock:
    """Return a spool's lock, held: nobody else is at work on it.

    Raises:
        WorkError: Another process is.
    """
    lock = try_lock(folder / _LOCK, exclusive=True)
    if lock is None:
        raise WorkError(f"Another process is at work on what {folder} holds; end that first.")
    return lock


def delete(folder: Path, lock: Lock) -> None:
    """Delete a spool and let go of it; who is killed in between leaves nothing that could be sent again."""
    for name in (HEADER, JOURNAL, SENT):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / FILES, ignore_errors=True)
    lock.discard_file()
    lock.release()
    with suppress(OSError):  # somebody may begin anew there
        folder.rmdir()


def has_header(folder: Path) -> bool:
    """Return whether a spool says what it belongs to; nothing is in it before that."""
    return (folder / HEADER).exists()


def read_sent(folder: Path) -> int:
    """Return the number of the last change that has arrived for sure, 0 where none has."""
    path = folder / SENT
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
        return int(lines[-1]) if lines else 0
    except FileNotFoundError:
        return 0
    except ValueError as error:
        raise _damaged(path, error) from None


def is_locked(folder: Path) -> bool:
    """Return whether a process is at work on a spool."""
    return is_held(folder / _LOCK)


def count_unsent(folder: Path) -> tuple[int, int]:
    """Return how many changes of a spool are unsent, and the bytes that they take."""
    sent = read_sent(folder)
    lines = [number for number, _ in read_lines(folder) if number > sent]
    return len(lines), bytes_below(folder / FILES) + bytes_below(folder / JOURNAL)


def read_lines(folder: Path) -> Iterator[tuple[int, object]]:
    """Yield the number of every change that is written down, and the change as JSON says it.

    Raises:
        WorkError: The journal is damaged.
    """
    path = folder / JOURNAL
    if not path.exists():  # it is made after the header
        return
    with path.open("rb") as stream:
        for line in stream:
            if line.endswith(b"\n"):
                try:
                    entry = json.loads(line)
                    number, change = int(entry["number"]), entry["change"]
                except (ValueError, LookupError, TypeError) as error:
                    raise _damaged(path, error) from None
                yield number, change


def read_change(line: object, folder: Path) -> Change:
    """Return the change that JSON says; its paths are relative to the spool.

    Raises:
        WorkError: It is none of ours.
    """
    try:
        return CHANGE.validate_python(line)
    except ValueError as error:
        raise _damaged(folder / JOURNAL, error) from None


def _damaged(path: Path, error: Exception) -> WorkError:
    return WorkError(
        f"{path} is damaged ({shorten(str(error), _REASON_LENGTH)}), so that what it kept can't be sent. Put the file "
        f"back from a backup, or let go of it with: beauty sync --run {path.parent.name} --discard"
    )
