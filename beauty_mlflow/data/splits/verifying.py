"""Is this manifest whole, and does it still fit its pictures?"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import pandas as pd

from beauty_mlflow.data.parallel import map_threads
from beauty_mlflow.data.regular import hash_regular
from beauty_mlflow.data.sources.locations import Location, readers
from beauty_mlflow.data.sources.s3_path import S3Path
from beauty_mlflow.data.wording import name_some
from beauty_mlflow.errors import ManifestError, PictureError, did_you_mean
from beauty_mlflow.progress import Progress

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAMED = 3


def check_columns(path: Location, header: Sequence[str], expected: Sequence[str]) -> None:
    """Raise ManifestError unless the header is a manifest's."""
    if tuple(header) != tuple(expected):
        found = ", ".join(header)
        raise ManifestError(
            f"{path} is no split manifest: its columns are {found[:200]}; expected {', '.join(expected)}. "
            "Make one with `beauty split`."
        )


def check_rows(path: Location, table: pd.DataFrame, classes: Collection[str], parts: Sequence[str]) -> None:
    """Raise ManifestError unless every row is one that a manifest may hold.

    A part must be one of ``parts``, a class one of ``classes``, a sha256 64 hex digits, and a path relative,
    inside the data folder and there once.
    """
    if len(set(classes)) != len(classes):
        raise ManifestError(f"{path}: the sidecar lists a class twice; take the original file or split again")
    for rule in (
        _Rule("part", set(parts).__contains__, f"one of {', '.join(parts)}", parts),
        _Rule("class", set(classes).__contains__, "a class of the sidecar", classes),
        _Rule("sha256", _SHA256.fullmatch, "64 hex digits"),
        _Rule("path", stays_inside, "a path relative to the data folder, inside it"),
    ):
        _check(path, table, rule)
    twice = table["path"][table["path"].duplicated()]
    if len(twice):
        raise ManifestError(
            f"{path} lists '{twice.iloc[0]}' twice ({len(twice)} duplicate rows); expected every picture "
            "once. Take the original file or split again."
        )


def stays_inside(path: str) -> bool:
    """Return whether a path is relative, normal and without a way up."""
    pure = PurePosixPath(path)
    return path == str(pure) and path != "." and not pure.is_absolute() and ".." not in pure.parts and "\0" not in path


def check_inside(folder: Location, paths: Iterable[str]) -> None:
    """Raise ManifestError where a path is, or goes through, a link that leads out of the data folder."""
    if not isinstance(folder, Path):
        return
    real_folder = os.path.realpath(folder)
    outside = [path for path in paths if _leads_out(folder / path, real_folder)]
    if outside:
        raise ManifestError(
            f"{len(outside)} pictures lead out of the data folder {folder}: {name_some(outside)}. Put the pictures "
            "themselves there, or split again without them."
        )


def verify_pictures(manifest: Location, folder: Location, table: pd.DataFrame, progress: Progress) -> None:
    """Raise ManifestError unless every picture is there, inside the folder, with the manifest's sha256.

    What lies in S3 is fetched for that, unless the cache has it, and kept there as room allows.
    """
    rows = list(zip(table["path"], table["sha256"], strict=True))
    if isinstance(folder, Path):
        if not folder.is_dir():
            raise ManifestError(
                f"the data folder of {manifest} isn't there: {folder}. Put it back, or split the data where it is now."
            )
        find = partial(_near, folder, os.path.realpath(folder))
    else:
        folder.holdings.spare(table["sha256"])
        find = partial(_far, folder.knowing(dict(rows)))
    problems: list[str] = []
    with progress("Verifying pictures", len(rows)) as bar:
        for problem in map_threads(find, rows, readers(folder)):
            problems.extend(filter(None, [problem]))
            bar.update()
    if problems:
        raise ManifestError(
            f"{len(problems)} of the {len(table)} pictures of {manifest} don't fit it: "
            f"{'; '.join(problems[:_NAMED])}{'; …' if len(problems) > _NAMED else ''}. Put the pictures "
            f"back, or split again (extend={manifest} keeps the parts of those that are left)."
        )


def _near(folder: Path, real_folder: str, row: tuple[str, str]) -> str | None:
    path, sha256 = row
    if _leads_out(folder / path, real_folder):
        return f"'{path}' leads out of the data folder"
    try:
        changed = hash_regular(folder / path) != sha256
    except PictureError as error:
        return f"'{path}': {error}"
    return f"'{path}' was changed" if changed else None


def _leads_out(path: Path, real_folder: str) -> bool:
    return not Path(os.path.realpath(path)).is_relative_to(real_folder)


def _far(folder: S3Path, row: tuple[str, str]) -> str | None:
    path, _ = row
    try:
        (folder / path).read_bytes()
    except PictureError as error:
        return f"'{path}': {error}"
    return None


@dataclass(frozen=True)
class _Rule:
    column: str
    is_good: Callable[[str], object]
    expected: str
    known: Collection[str] = ()


def _check(path: Location, table: pd.DataFrame, rule: _Rule) -> None:
    bad = [(row, value) for row, value in enumerate(table[rule.column], start=1) if not rule.is_good(value)]
    if bad:
        row, value = bad[0]
        raise ManifestError(
            f"{path}, row {row} ({len(bad)} such rows): the {rule.column} is '{value[:200]}'; expected "
            f"{rule.expected}.{did_you_mean(value[:200], rule.known)} Take the original file or split again."
        )
