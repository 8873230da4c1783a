"""A network's variables in one NumPy archive, without pickle; its own checksums show damage on reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from beauty_mlflow.errors import CheckpointError
from beauty_mlflow.files import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

Arrays = Mapping[str, npt.NDArray[Any]]


def named(prefix: str, variables: Iterable[Any]) -> Arrays:
    """Return variables as arrays, named ``<prefix>/<number>`` in their order."""
    return {f"{prefix}/{index:05d}": np.asarray(variable) for index, variable in enumerate(variables)}


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write an archive atomically."""
    with atomic_path(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)


def read_arrays(path: Path) -> Arrays:
    """Read an archive.

    Raises:
        CheckpointError: It is missing or damaged.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing, so the run can't go on. Start a new run.") from error
    except Exception as error:  # damage makes zipfile and NumPy raise almost anything
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> CheckpointError:
    """Return the error for an archive that can't be read."""
    return CheckpointError(f"{path} is damaged or can't be read ({error}). Mend it or start a new run.")


def check(path: Path, prefix: str, variables: Sequence[Any], arrays: Arrays) -> None:
    """Raise CheckpointError unless the archive's arrays have the variables' shapes, in their order."""
    expected = [tuple(variable.shape) for variable in variables]
    found = [arrays[name].shape for name in sorted(arrays) if name.startswith(f"{prefix}/")]
    if found != expected:
        raise CheckpointError(
            f"{path} holds another network: expected {len(expected)} {prefix} variables, found {len(found)}, "
            "or their shapes differ. Resume with the run's own parameters, or start a new run."
        )


def assign(prefix: str, variables: Iterable[Any], arrays: Arrays) -> None:
    """Set the variables to the archive's arrays."""
    for index, variable in enumerate(variables):
        variable.assign(arrays[f"{prefix}/{index:05d}"])
