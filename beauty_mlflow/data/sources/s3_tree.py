"""Keys as a tree of folders and files, which is what slashes in them are meant to say."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_NOT_NAMES = {"", ".", ".."}


@dataclass(frozen=True)
class S3Entry:
    """One thing in a folder, with what a walk asks of ``os.DirEntry``.

    Attributes:
        path: From where the tree begins.
        name: The path's last part; of a key that is no path, all from where it stops being one.
        reason: Why it can't be a picture, or empty.
        folder: Whether it is a folder.
        size: In bytes.
    """

    path: str
    name: str
    reason: str = ""
    folder: bool = False
    size: int = 0

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - as os.DirEntry's
        """Return whether it is a folder."""
        return self.folder

    def is_symlink(self) -> bool:
        """Return that S3 knows no links."""
        return False


@dataclass
class Tree:
    """The entries of every folder, by the folder's path; the tree's own is empty."""

    folders: dict[str, dict[str, S3Entry]] = field(default_factory=lambda: {"": {}})

    def entries(self, folder: str) -> list[S3Entry]:
        """Return what lies directly in a folder."""
        return list(self.folders.get(folder, {}).values())

    def file(self, path: str) -> S3Entry | None:
        """Return the file of that path; None where there is none."""
        folder, _, name = path.rpartition("/")
        entry = self.folders.get(folder, {}).get(name)
        return entry if entry and entry.path == path else None  # a path that begins with a slash is another

    def reason_against(self, path: str) -> str:
        """Return why a path can't be a picture here, or an empty string."""
        entry = self.file(path) if str(PurePosixPath(path)) == path else None
        if entry:
            return entry.reason
        return "a folder" if path in self.folders else "no such file or directory"

    def add(self, key: str, size: int) -> None:
        """Add a key and the folders that it lies in."""
        *above, name = key.split("/")
        folder = ""
        for depth, part in enumerate(above):
            if part in _NOT_NAMES:
                reason = "its key is no path: a part of it is empty or dots"
                self._put(folder, "/".join([*above[depth:], name]), reason, size)
                return
            folder = self._subfolder(folder, part)
        if not name:
            if size:
                self._put(folder, "/", "its key ends with a slash, as a folder's", size)
        else:
            reason = "its key is no path: a part of it is dots" if name in _NOT_NAMES else ""
            self._put(folder, name, reason, size)

    def _subfolder(self, folder: str, name: str) -> str:
        path = path_in(folder, name)
        if path not in self.folders:
            self.folders[path] = {}
            self.folders[folder][f"{name}/"] = S3Entry(path, name, folder=True)  # an object may have the same name
        return path

    def _put(self, folder: str, name: str, reason: str, size: int) -> None:
        self.folders[folder][name] = S3Entry(path_in(folder, name), name, reason, size=size)


def grow(keys: Iterable[tuple[str, int]]) -> Tree:
    """Return the tree of keys, given with their sizes; an empty key that ends with a slash only marks a folder."""
    tree = Tree()
    for key, size in keys:
        tree.add(key, size)
    return tree


def path_in(folder: str, name: str) -> str:
    """Return the path of what has this name in a folder, whose own is empty at the top."""
    return f"{folder}/{name}" if folder else name
