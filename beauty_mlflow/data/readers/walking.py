"""Walking through folders that people filled: nothing hangs, nothing is passed over without a word."""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from beauty_mlflow.errors import DataError

_CLUTTER = {".ds_store", "thumbs.db", "desktop.ini", "__macosx"}


@dataclass
class Walk:
    """Everything below a data folder.

    Attributes:
        root: The data folder.
        files: Candidates for pictures, relative to the root, in the order of their names.
        rejected: (path, reason) of what can't be a picture.
        clutter: How many files and folders of each kind the system (not the user) put there.
    """

    root: Path
    files: list[str] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    clutter: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._real_root = Path(os.path.realpath(self.root))

    def subfolders(self, folder: Path) -> tuple[list[str], list[str]]:
        """Return the names of the folders, and of all else, directly in a folder; sorted, without clutter."""
        folders, others = [], []
        for entry in self._entries(folder):
            if self._has_bad_name(entry):
                self._reject(entry, "its name isn't UTF-8")
            elif entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.is_symlink() and (reason := self.reason_against(entry)):
                self._reject(entry, reason)
            else:
                others.append(entry.name)
        return folders, others

    def collect(self, folder: Path) -> list[str]:
        """Return the candidates for pictures below a folder, and remember them and all that was rejected."""
        before = len(self.files)
        waiting = [folder]
        while waiting:
            for entry in self._entries(waiting.pop()):
                if entry.is_dir(follow_symlinks=False) and not self._has_bad_name(entry):
                    waiting.append(Path(entry.path))
                elif reason := self.reason_against(entry):
                    self._reject(entry, reason)
                else:
                    self.files.append(self._relative(entry))
        self.files[before:] = sorted(self.files[before:])
        return self.files[before:]

    def reason_against(self, entry: "os.DirEntry[str] | Path") -> str:
        """Return why a path can't be a picture of this folder, or an empty string."""
        if self._has_bad_name(entry):
            return "its name isn't UTF-8"
        try:
            real = Path(os.path.realpath(entry, strict=True))
            mode = real.stat().st_mode
        except OSError as error:
            return "a link that leads nowhere" if entry.is_symlink() else (error.strerror or "unreadable").lower()
        if not real.is_relative_to(self._real_root):
            return "a link that leads out of the data folder"
        if stat.S_ISDIR(mode):
            return "a link to a folder, which isn't followed" if entry.is_symlink() else "a folder"
        return "" if stat.S_ISREG(mode) else "not a regular file"

    def notes(self) -> list[str]:
        """Return one sentence about the clutter, if there was any."""
        if not self.clutter:
            return []
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(self.clutter.items()))
        return [f"{self.clutter.total()} hidden or system files and folders were ignored: {kinds}."]

    def _entries(self, folder: Path) -> Iterator["os.DirEntry[str]"]:
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(
                f"the folder {folder} can't be read ({error.strerror}). Make it readable or move it out of the data."
            ) from None
        for entry in entries:
            if kind := _clutter(entry):
                self.clutter[kind] += 1
            else:
                yield entry

    def _relative(self, entry: "os.DirEntry[str]") -> str:
        return Path(entry.path).relative_to(self.root).as_posix()

    def _reject(self, entry: "os.DirEntry[str]", reason: str) -> None:
        self.rejected.append((shown(self._relative(entry)), reason))

    @staticmethod
    def _has_bad_name(entry: "os.DirEntry[str] | Path") -> bool:
        return shown(entry.name) != entry.name


def shown(name: str) -> str:
    """Return a name with replacement characters for what isn't UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")


def _clutter(entry: "os.DirEntry[str]") -> str:
    name = entry.name
    if name.casefold() in _CLUTTER:
        return shown(name)
    if name.startswith("._"):
        return "._*"
    return "hidden folders" if name.startswith(".") and entry.is_dir(follow_symlinks=False) else ""
