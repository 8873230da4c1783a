import pandas as pd

from beauty_mlflow.data.readers.listing import Listing, Reader
from beauty_mlflow.data.readers.naming import class_names
from beauty_mlflow.data.readers.walking import Walk
from beauty_mlflow.data.sources.locations import Location
from beauty_mlflow.data.wording import name_some
from beauty_mlflow.errors import DataError


def read(data: Location) -> Listing:
    """List a folder whose sub-folders are the classes, with pictures in them at any depth.

    Raises:
        DataError: a folder can't be read, or there is no class folder.
    """
    walk = Walk(data)
    folders, loose = walk.subfolders()
    if not folders:
        raise DataError(
            f"'{data}' holds no class "
            f"folder{f' but {len(loose)} files ({name_some(loose)})' if loose else ''}; "
            "expected one sub-folder a class, with its pictures inside"
        )
    names = class_names(folders)
    found = {folder: walk.collect(folder) for folder in folders}
    rows = [(path, names[folder], "") for folder, paths in found.items() for path in paths]
    empty = [folder for folder, paths in found.items() if not paths]
    return Listing(
        folder=data.absolute(),
        table=pd.DataFrame(rows, columns=["path", "class", "part"], dtype=str),
        rejected=walk.rejected,
        notes=[*loose_notes(loose, "class"), *empty_notes(empty), *walk.notes()],
    )


def loose_notes(loose: list[str], owner: str) -> list[str]:
    """Return one sentence about files that lie where only folders are expected."""
    return [f"{len(loose)} loose files belong to no {owner} and were left out: {name_some(loose)}."] if loose else []


def empty_notes(empty: list[str]) -> list[str]:
    """Return one sentence about class folders without anything that could be a picture."""
    return [f"{len(empty)} class folders hold no picture and are no classes: {name_some(empty)}."] if empty else []


READER = Reader(recognizes=lambda data: data.is_dir(), read=read)
