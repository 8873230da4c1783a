"""A split as folders, for tools that want train/validation/test trees."""

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Literal

from beauty_mlflow.data.sources.locations import Location
from beauty_mlflow.data.splits.manifest import Split
from beauty_mlflow.errors import DataError, ParameterError, PictureError
from beauty_mlflow.progress import Progress, silent_progress
from beauty_mlflow.shortages import is_full_disk
from beauty_mlflow.temporary import temporary_folder

How = Literal["link", "copy"]
FOLDERS = {"train": "train", "val": "validation", "test": "test"}


def materialize(split: Split, out: Path, how: How, progress: Progress = silent_progress) -> list[str]:
    """Make the folders train, validation and test with one sub-folder a class, of links or copies.

    Links are hard where the file system allows it, so that the folders can be read as data; else symbolic.
    Pictures of one name from different sub-folders are numbered. The folders appear at once when
    all is done, or not at all.

    Returns:
        Sentences that the user must read.

    Raises:
        DataError: ``out`` exists and isn't an empty folder, a class name can't be a folder's, or a picture is
            missing.
        ParameterError: ``how`` is neither link nor copy, or is link for pictures that aren't on this machine.
        OSError: The disk is full, or the folder isn't writable.
    """
    transfers: dict[str, Callable[[Location, Path], object]] = {"link": _link, "copy": _copy}
    if how not in transfers:
        raise ParameterError(f"materialize is '{how}'; expected one of {', '.join(transfers)}")
    if how == "link" and not isinstance(split.folder, Path):
        raise ParameterError(f"materialize is 'link', but nothing can link to '{split.folder}'; take copy")
    check_target(out)
    with temporary_folder(out) as temporary:
        _fill(split, temporary, transfers[how], progress)
        temporary.chmod(0o755)
        temporary.replace(out)
    symbolic = sum(path.is_symlink() for path in out.rglob("*"))
    note = (
        f"WARNING: the file system allows no hard links from '{split.folder}' to '{out}', so {symbolic} links are "
        "symbolic. They lead out of their folder, so split won't read them as pictures; take copies for that."
    )
    return [note] if symbolic else []


def check_target(out: Path) -> None:
    """Raise DataError unless the folders can be made in ``out``: it is new, or an empty folder."""
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise DataError(
            f"'{out}' exists already; expected a new or empty folder. Remove it or give the manifest another name."
        )


def _fill(split: Split, out: Path, transfer: Callable[[Location, Path], object], progress: Progress) -> None:
    for part in FOLDERS.values():
        for name in split.classes:
            _check_folder_name(name)
            (out / part / name).mkdir(parents=True)
    with progress("Making folders", len(split.table)) as bar:
        for source, target in _targets(split):
            try:
                transfer(split.folder / source, out / target)
            except OSError as error:
                if is_full_disk(error):  # no fault of the picture's
                    raise
                raise DataError(f"the picture '{source}' can't be used ({error.strerror}); split again") from None
            except PictureError as error:
                raise DataError(f"the picture '{source}' can't be used: {error}; split again") from None
            bar.update()


def _targets(split: Split) -> list[tuple[str, str]]:
    taken: set[str] = set()
    numbers: Counter[str] = Counter()
    targets = []
    for path, name, part in zip(split.table["path"], split.table["class"], split.table["part"], strict=True):
        file = PurePosixPath(path)
        target = f"{FOLDERS[part]}/{name}/{file.name}"
        # folded: some file systems take Box.jpg and box.jpg for one file
        while target.casefold() in taken:
            numbers[target.casefold()] += 1
            number = numbers[target.casefold()]
            target = f"{FOLDERS[part]}/{name}/{file.stem}-{number}{file.suffix}"
        taken.add(target.casefold())
        targets.append((path, target))
    return targets


def _copy(source: Location, target: Path) -> None:
    if isinstance(source, Path):
        shutil.copyfile(source, target)
    else:
        target.write_bytes(source.read_bytes())


def _link(source: Location, target: Path) -> None:
    assert isinstance(source, Path)
    real = source.resolve(strict=True)
    try:
        target.hardlink_to(real)
    except OSError:
        target.symlink_to(source.absolute())


def _check_folder_name(name: str) -> None:
    if name in (".", "..") or "/" in name or "\0" in name:
        raise DataError(f"the class '{name}' can't be the name of a folder; rename it in the table")
