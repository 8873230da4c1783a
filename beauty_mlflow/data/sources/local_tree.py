"""What lies in a folder of this machine, and why something there can't be a picture."""

import os
import stat
from pathlib import Path

from beauty_mlflow.errors import DataError


class LocalTree:
    """A folder and all below it; paths are relative to it, with slashes.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = Path(os.path.realpath(root))

    def entries(self, folder: str) -> list["os.DirEntry[str]"]:
        """Return what lies directly in a folder.

        Raises:
            DataError: It can't be read.
        """
        try:
            with os.scandir(self._root / folder) as found:
                return list(found)
        except OSError as error:
            raise DataError(
                f"the folder {self._root / folder} can't be read ({error.strerror}). Make it readable or move it out "
                "of the data."
            ) from None

    def reason_against(self, path: str) -> str:
        """Return why a path can't be a picture of this folder, or an empty string."""
        place = self._root / path
        try:
            real = Path(os.path.realpath(place, strict=True))
            mode = real.stat().st_mode
        except OSError as error:
            return "a link that leads nowhere" if place.is_symlink() else (error.strerror or "unreadable").lower()
        if not real.is_relative_to(self._real_root):
            return "a link that leads out of the data folder"
        if stat.S_ISDIR(mode):
            return "a link to a folder, which isn't followed" if place.is_symlink() else "a folder"
        return "" if stat.S_ISREG(mode) else "not a regular file"
