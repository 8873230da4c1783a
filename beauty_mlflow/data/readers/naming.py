"""From the names of folders, as the thesis calls them, to the names of classes."""

import re
from collections.abc import Iterable

from beauty_mlflow.errors import DataError

THESIS_NAMES = "boxes_<class>_<4 digits>"
_THESIS_FOLDER = re.compile(r"boxes_(.+)_\d{4}", re.DOTALL)


def class_names(folders: Iterable[str]) -> dict[str, str]:
    """Return the class name of every folder, or of whatever is called like one.

    As in the thesis, ``boxes_<class>_<4 digits>`` loses prefix and digits; but only where every name is
    of that form.

    Raises:
        DataError: two names would become the same class.
    """
    matches = {folder: _THESIS_FOLDER.fullmatch(folder) for folder in sorted(set(folders))}
    names = {folder: match.group(1) for folder, match in matches.items() if match}
    if len(names) < len(matches):
        return {folder: folder for folder in matches}
    owners: dict[str, str] = {}
    for folder, name in names.items():
        if name in owners:
            raise DataError(
                f"'{owners[name]}' and '{folder}' would both become the class '{name}'. Merge or rename one."
            )
        owners[name] = folder
    return names
