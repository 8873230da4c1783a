import pandas as pd

from beauty_mlflow.data.readers.class_folders import empty_notes, loose_notes
from beauty_mlflow.data.readers.listing import PART_NAMES, Listing, Reader
from beauty_mlflow.data.readers.naming import class_names
from beauty_mlflow.data.readers.walking import Walk
from beauty_mlflow.data.sources.locations import Location
from beauty_mlflow.data.wording import name_some
from beauty_mlflow.errors import DataError


def recognizes(data: Location) -> bool:
    """Return whether a folder holds ``train`` and at least one other part."""
    if not data.is_dir():
        return False
    parts = {PART_NAMES[name] for name in Walk(data).subfolders()[0] if name in PART_NAMES}
    return "train" in parts and len(parts) > 1


def read(data: Location) -> Listing:
    """List a folder with train, validation (or val) and test inside, each holding class folders.

    Raises:
        DataError: a folder can't be read, a part is missing or there twice, or there are other folders.
    """
    walk = Walk(data)
    folders, loose = walk.subfolders()
    _check_parts(data, folders)
    found: dict[tuple[str, str], list[str]] = {}
    for part in folders:
        class_folders, others = walk.subfolders(part)
        loose += [f"{part}/{name}" for name in others]
        found |= {(part, name): walk.collect(f"{part}/{name}") for name in class_folders}
    names = class_names(folder for _, folder in found)
    rows = [(path, names[folder], PART_NAMES[part]) for (part, folder), paths in found.items() for path in paths]
    empty = [f"{part}/{folder}" for (part, folder), paths in found.items() if not paths]
    return Listing(
        folder=data.absolute(),
        table=pd.DataFrame(rows, columns=["path", "class", "part"], dtype=str),
        rejected=walk.rejected,
        notes=[*loose_notes(loose, "class"), *empty_notes(empty), *walk.notes()],
    )


def _check_parts(data: Location, folders: list[str]) -> None:
    others = [name for name in folders if name not in PART_NAMES]
    parts = [PART_NAMES[name] for name in folders if name in PART_NAMES]
    expected = "expected train, validation (or val) and test, each with one sub-folder a class"
    if others:
        raise DataError(f"'{data}' looks split, but has other folders too ({name_some(others)}); {expected}")
    if len(set(parts)) < len(parts):
        raise DataError(f"'{data}' has both val and validation; {expected}")
    missing = [part for part in ("train", "val", "test") if part not in parts]
    if missing:
        raise DataError(f"'{data}' looks split, but has no {' and no '.join(missing)} folder; {expected}")


READER = Reader(recognizes=recognizes, read=read)
