"""Where data may lie: in a folder of this machine or in S3. A further kind of place is one more case here."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar, cast

from beauty_mlflow.data.sources.s3_bucket import THREADS
from beauty_mlflow.data.sources.s3_path import S3Path
from beauty_mlflow.data.sources.s3_uri import is_s3

Location = Path | S3Path
AnyLocation = TypeVar("AnyLocation", bound=Location)


def locate(text: str, cache_gb: float = 0, *, keeps: bool = True) -> Location:
    """Return what a path or a URI names.

    Args:
        text: A path, or s3://bucket/prefix.
        cache_gb: What the cache may take with what is fetched; 0 is a fifth of the free space.
        keeps: Whether what is fetched is kept although no manifest lists it.

    Raises:
        DataError: It begins as a URI and is none.
    """
    return S3Path.parse(text, cache_gb, keeps=keeps) if is_s3(text) else Path(text)


def knowing(folder: Location, paths: Iterable[str], digests: Iterable[str]) -> Location:
    """Return the same folder; what is far away is compared with these digests from now on, and kept by them."""
    return folder if isinstance(folder, Path) else folder.knowing(dict(zip(paths, digests, strict=True)))


def beside(file: AnyLocation, suffix: str) -> AnyLocation:
    """Return the file that has the same name with another suffix."""
    return cast("AnyLocation", file.with_suffix(suffix))


def is_below(folder: Location, place: Location) -> bool:
    """Return whether a folder is another one or lies in it, wherever links lead."""
    if isinstance(folder, Path) and isinstance(place, Path):
        return Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(place))
    return f"{folder}/".startswith(f"{place}/")


def is_there(file: Location) -> bool:
    """Return whether there is a file, or a link wherever it leads."""
    return os.path.lexists(file) if isinstance(file, Path) else file.is_file()


def readers(folder: Location) -> int | None:
    """Return how many threads should read there at once; None is one a core."""
    return None if isinstance(folder, Path) else THREADS
