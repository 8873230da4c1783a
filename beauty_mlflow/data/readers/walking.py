"""Walking through folders that people filled: nothing hangs, nothing is passed over without a word."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from beauty_mlflow.data.sources.local_tree import LocalTree
from beauty_mlflow.data.sources.locations import Location
from beauty_mlflow.data.sources.s3_tree import path_in
from beauty_mlflow.data.wording import is_strange, shown

_CLUTTER = {".ds_store", "thumbs.db", "desktop.ini", "__macosx"}


class Entry(Protocol):
    """One thing in a folder."""

    @property
    def name(self) -> str:
        """What it is called there."""

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Return whether it is a folder."""

    def is_symlink(self) -> bool:
        """Return whether it is a link."""


class Tree(Protocol):
    """A folder and all below it; paths are relative to it, with slashes, its own is empty."""

    def entries(self, folder: str) -> Sequence[Entry]:
        """Return what lies directly in a folder."""

    def reason_against(self, path: str) -> str:
        """Return why a path can't be a picture, or an empty string."""


@dataclass
class Walk:
    """Everything below a data folder. Folders are named by their paths relative to it; its own is empty.

    Attributes:
        root: The data folder.
        files: Candidates for pictures, relative to the root, in the order of their names.
        rejected: (path, reason) of what can't be a picture.
        clutter: How many files and folders of each kind the system (not the user) put there.
    """

    root: Location
    files: list[str] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    clutter: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._tree: Tree = LocalTree(self.root) if isinstance(self.root, Path) else self.root.tree

    def subfolders(self, folder: str = "") -> tuple[list[str], list[str]]:
        """Return the names of the folders, and of all else, directly in a folder; sorted, without clutter."""
        folders, others = [], []
        for entry in self._entries(folder):
            path = path_in(folder, entry.name)
            if is_strange(path):
                self._reject(path, "its name isn't UTF-8")
            elif entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.is_symlink() and (reason := self.reason_against(path)):
                self._reject(path, reason)
            else:
                others.append(entry.name)
        return folders, others

    def collect(self, folder: str = "") -> list[str]:
        """Return the candidates for pictures below a folder, and remember them and all that was rejected."""
        before = len(self.files)
        waiting = [folder]
        while waiting:
            above = waiting.pop()
            for entry in self._entries(above):
                path = path_in(above, entry.name)
                if entry.is_dir(follow_symlinks=False) and not is_strange(path):
                    waiting.append(path)
                elif reason := self.reason_against(path):
                    self._reject(path, reason)
                else:
                    self.files.append(path)
        self.files[before:] = sorted(self.files[before:])
        return self.files[before:]

    def reason_against(self, path: str) -> str:
        """Return why a path can't be a picture of this folder, or an empty string."""
        return "its name isn't UTF-8" if is_strange(path) else self._tree.reason_against(path)

    def notes(self) -> list[str]:
        """Return one sentence about the clutter, if there was any."""
        if not self.clutter:
            return []
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(self.clutter.items()))
        return [f"{self.clutter.total()} hidden or system files and folders were ignored: {kinds}."]

    def _entries(self, folder: str) -> Iterator[Entry]:
        for entry in sorted(self._tree.entries(folder), key=lambda entry: entry.name):
            if kind := _clutter(entry):
                self.clutter[kind] += 1
            else:
                yield entry

    def _reject(self, path: str, reason: str) -> None:
        self.rejected.append((shown(path), reason))


def _clutter(entry: Entry) -> str:
    name = entry.name
    if name.casefold() in _CLUTTER:
        return shown(name)
    if name.startswith("._"):
        return "._*"
    return "hidden folders" if name.startswith(".") and entry.is_dir(follow_symlinks=False) else ""
