"""Where a manifest is written: nothing of the user's own is replaced, and what can't be written is known early."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from beauty_mlflow.data.splits.manifest import has_manifest_header, is_sidecar, sidecar_path
from beauty_mlflow.data.splits.splitting import has_quarantine_header, quarantine_path
from beauty_mlflow.errors import DataError


def check_output(out: Path, inputs: Mapping[str, str]) -> None:
    """Make sure that a manifest and its sidecars can be written; make their folder.

    An older manifest of ours may be replaced, but not one that is also an input: models may have been trained on it.

    Args:
        out: The manifest to write.
        inputs: The other parameters that name files: name to value, empty where not given.

    Raises:
        DataError: ``out`` is also an input, a file that isn't ours would be replaced, or the folder isn't writable.
    """
    with writing(out):
        for name, value in inputs.items():
            if value and out.exists() and Path(value).exists() and out.samefile(value):
                raise DataError(f"out is '{out}', which {name} names too; expected another name, so that it stays")
        rules = (
            (out, has_manifest_header, "split manifest"),
            (sidecar_path(out), is_sidecar, "manifest's sidecar"),
            (quarantine_path(out), has_quarantine_header, "list of what a split left out"),
        )
        for path, is_ours, what in rules:
            if (path.exists() or path.is_symlink()) and not (path.is_file() and is_ours(path)):
                raise DataError(f"'{path}' exists and is no {what}, so it isn't replaced; give out another name")
        out.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out.parent).close()


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Turn what the system says against writing ``out`` into a DataError that says what to do."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"'{out}' can't be written ({error.strerror or error}); give out a name in a folder that is writable and "
            "has room"
        ) from None
