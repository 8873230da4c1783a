"""A run's changes on disk, whole at every moment, until they have arrived in the store."""

import errno
import io
import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from beauty_mlflow.errors import ParameterError, WorkError
from beauty_mlflow.files import sync, write_text
from beauty_mlflow.locks import Lock
from beauty_mlflow.temporary import bytes_below
from beauty_mlflow.tracking.changes import (
    CHANGE,
    Batch,
    Change,
    LoggedFile,
    LoggedImage,
    LoggedModel,
    Status,
    Untag,
)
from beauty_mlflow.tracking.spool.folder import (
    FILES,
    HEADER,
    JOURNAL,
    SENT,
    Header,
    delete,
    has_header,
    read_change,
    read_header,
    read_lines,
    read_sent,
    spool_folder,
    take,
)

LIMIT = "BEAUTY_SPOOL_GB"
DEFAULT_LIMIT_GB = "10"
GB = 1e9
COMPACT_BYTES = 4_000_000

_NUMBER_DIGITS = 7
_TRIES = 100  # to begin where another process is just removing what it had
_LOOK_AGAIN_BYTES = 10_000_000  # written before the room is looked up again, which other runs take as well


class Journal:
    """One run's spool; whoever has it open is alone with it.

    Args:
        folder: The spool, named after the run's id, or one that stands for it until the store gives one.
        header: What it belongs to; None takes it from the folder, which isn't made then.

    Raises:
        WorkError: It can't be written, or another process is at it.
        ParameterError: BEAUTY_SPOOL_GB is no size.
    """

    def __init__(self, folder: Path, header: Header | None = None) -> None:
        self.folder = folder
        self._limit = _limit()
        self._threads = threading.RLock()  # one writes changes down, another notes what has arrived
        with self._explained("opened"):
            self._lock = _take(folder, make=header is not None)
            try:
                self._open(header)
            except BaseException:
                if has_header(folder):
                    self._lock.release()
                else:  # nothing was written down, or another process removed it as this one came
                    delete(folder, self._lock)
                raise

    def _open(self, header: Header | None) -> None:
        (self.folder / FILES).mkdir(exist_ok=True)
        if header and not has_header(self.folder):
            self.write_header(header)
        self.header = read_header(self.folder)
        for name in (JOURNAL, SENT):
            self._cut_torn_line(name)
        self._sent = read_sent(self.folder)
        self._last = max([self._sent, *(number for number, _ in read_lines(self.folder))])
        self._stream = _open(self.folder)
        self._room = 0  # bytes that are free for certain below the limit; looked up where they aren't enough

    @property
    def key(self) -> str:
        """The folder's name."""
        return self.folder.name

    def write_header(self, header: Header) -> None:
        """Replace what the spool belongs to."""
        write_text(self.folder / HEADER, json.dumps(asdict(header), indent=1))
        self.header = header

    def append(self, change: Change) -> tuple[int, Change]:
        """Write a change down; return its number and the change as it is kept, with files of the spool's own.

        Raises:
            WorkError: It couldn't be written; nothing of it is left.
        """
        with self._threads, self._explained("written"):
            if self._stream.closed:
                raise OSError(errno.EBADF, "it is closed")
            number = self._last + 1
            kept = self._with_files(number, change)
            line = json.dumps({"number": number, "change": CHANGE.dump_python(kept, mode="json")}).encode() + b"\n"
            position = self._stream.tell()
            try:
                if not _ends(change):
                    self._require_room(len(line))
                _write(self._stream, line)
                os.fsync(self._stream.fileno())
                self._last = number
            except BaseException:
                self._reopen_at(position)
                self._drop_files(number)
                raise
        return number, self._here(kept)

    def changes(self) -> Iterator[Change]:
        """Yield every change that is written down, those that have arrived as well."""
        for _, line in read_lines(self.folder):
            yield self._here(read_change(line, self.folder))

    def unsent(self) -> list[tuple[int, Change]]:
        """Return the changes that haven't arrived for sure, in order, by number."""
        return [
            (number, self._here(read_change(line, self.folder)))
            for number, line in read_lines(self.folder)
            if number > self._sent
        ]

    def mark_sent(self, number: int) -> None:
        """Note that everything up to a change has arrived; its files aren't needed any more."""
        with self._threads, self._explained("written"):
            if self._stream.closed:  # somebody else may be at it by now
                return
            try:
                with (self.folder / SENT).open("ab") as stream:
                    stream.write(b"%d\n" % number)
                    stream.flush()
                    os.fsync(stream.fileno())  # so that no more than the first unsent change can have arrived
            except BaseException:
                self._cut_torn_line(SENT)
                raise
            self._sent = number
            self._drop_files(number)
            if number == self._last and self._stream.tell() > COMPACT_BYTES:
                self._reopen_at(0)
                os.fsync(self._stream.fileno())  # first: without its number a line counts as unsent
                write_text(self.folder / SENT, f"{number}\n")

    def close(self) -> None:
        """Let go of the folder; it stays where something is unsent."""
        with self._threads:
            self._stream.close()
            self._lock.release()

    def remove(self) -> None:
        """Delete the folder."""
        with self._threads:
            self._stream.close()
            delete(self.folder, self._lock)

    def _with_files(self, number: int, change: Change) -> Change:
        """Copy what the change uploads; a path in the result is relative to the spool."""
        if not isinstance(change, LoggedFile | LoggedImage | LoggedModel):
            return change
        sources = [change.path, *([change.example] if isinstance(change, LoggedModel) else [])]
        self._require_room(sum(bytes_below(source) for source in sources))
        folder = self._files_of(number)
        folder.mkdir()
        try:
            copies = [_copy(source, folder / source.name) for source in sources]
        except BaseException:
            self._drop_files(number)
            raise
        names = [copy.relative_to(self.folder) for copy in copies]
        return change.model_copy(update=dict(zip(("path", "example"), names, strict=False)))

    def _here(self, change: Change) -> Change:
        if not isinstance(change, LoggedFile | LoggedImage | LoggedModel):
            return change
        found = {"path": self.folder / change.path}
        if isinstance(change, LoggedModel):
            found["example"] = self.folder / change.example
        return change.model_copy(update=found)

    def _require_room(self, wanted: int) -> None:
        if wanted > self._room:
            self._room = min(self._limit - bytes_below(spool_folder()), _LOOK_AGAIN_BYTES + wanted)
            if wanted > self._room:
                raise OSError(errno.EDQUOT, f"the spool would exceed {self._limit / 1e9:g} GB ({LIMIT})")
        self._room -= wanted

    def _files_of(self, number: int) -> Path:
        return self.folder / FILES / f"{number:0{_NUMBER_DIGITS}d}"

    def _drop_files(self, number: int) -> None:
        shutil.rmtree(self._files_of(number), ignore_errors=True)

    def _cut_torn_line(self, name: str) -> None:
        """Remove what was written of a file's last line before a kill or on a full disk: nobody was told of it."""
        path = self.folder / name
        path.touch()
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(path, whole)

    def _reopen_at(self, position: int) -> None:
        self._stream.close()
        os.truncate(self.folder / JOURNAL, position)
        self._stream = _open(self.folder)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise WorkError(
                f"What is to be sent to the tracking store can't be {what} in {self.folder}: {error}. Make room, or "
                "set BEAUTY_STATE_DIR to a folder with more; what was written before is kept."
            ) from error


def _take(folder: Path, *, make: bool) -> Lock:
    """Return a spool's lock, held; its folder may be removed at this moment by the process that had it last."""
    for _ in range(_TRIES if make else 0):
        with suppress(FileNotFoundError, FileExistsError):
            folder.mkdir(parents=True, exist_ok=True)
            return take(folder)
    return take(folder)


def _limit() -> int:
    """Return how many bytes all spools may take."""
    text = os.environ.get(LIMIT, DEFAULT_LIMIT_GB)
    try:
        return int(float(text) * GB)
    except (ValueError, OverflowError):
        raise ParameterError(f"{LIMIT} is '{text}'; expected a number of gigabytes, e.g. 10.") from None


def _ends(change: Change) -> bool:
    """Return whether a change belongs to a run's end, which always finds room."""
    return isinstance(change, Status | Untag) or (isinstance(change, Batch) and not change.metrics)


def _open(folder: Path) -> io.FileIO:
    """Open the journal unbuffered: what a full disk didn't take isn't tried again as the file is closed."""
    return io.FileIO(folder / JOURNAL, "ab")


def _write(stream: io.FileIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[stream.write(left) :]


def _copy(source: Path, target: Path) -> Path:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)
    for path in (target, *target.rglob("*")):
        sync(path)
    return target
