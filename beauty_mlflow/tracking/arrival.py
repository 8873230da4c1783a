"""Whether files have arrived whole in an artifact store, and the halves of those that haven't."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from beauty_mlflow.files import file_digest

LARGE_BYTES = 1_000_000  # what is sent in one piece, and so small, arrives whole or not at all
_UPLOADING = ".artifact.uploading."  # MLflow's name of a file in a local store until it is whole


def halves(root: Path | None) -> Iterator[Path]:
    """Yield the files below a local store's folder that were being written as their process died, or still are.

    A store that is elsewhere (None) has none here.
    """
    for parent, _, files in os.walk(root) if root else ():
        yield from (Path(parent, name) for name in files if name.startswith(_UPLOADING))


def missing(repository: Any, paths: Mapping[Path, Path]) -> list[Path]:  # noqa: ANN401 - MLflow is untyped
    """Return which of these files aren't there whole: by their size, large ones by their sha256 as well.

    Args:
        repository: MLflow's repository of the artifacts.
        paths: The files here, by where they belong there.
    """
    sizes: dict[str, int] = {}
    for folder in {target.parent for target in paths}:
        sizes |= _sizes(repository, "" if folder == Path() else folder.as_posix())
    return [target for target, path in paths.items() if not _is_whole(repository, target.as_posix(), path, sizes)]


def _sizes(repository: Any, folder: str) -> dict[str, int]:  # noqa: ANN401 - MLflow is untyped
    listed = repository.list_artifacts(folder or None)
    return {entry.path: entry.file_size or 0 for entry in listed if not entry.is_dir}  # a server gives none for 0


def _is_whole(repository: Any, target: str, path: Path, sizes: Mapping[str, int]) -> bool:  # noqa: ANN401 - MLflow is untyped
    size = path.stat().st_size
    if sizes.get(target) != size:
        return False
    if size < LARGE_BYTES:
        return True
    with tempfile.TemporaryDirectory() as folder:
        return file_digest(Path(repository.download_artifacts(target, folder))) == file_digest(path)
