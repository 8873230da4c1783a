"""The weights that a training began with: an interrupted one goes on without asking again where they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from beauty_mlflow.errors import WorkError
from beauty_mlflow.training.arrays import assign, check, named, read_arrays, write_arrays

if TYPE_CHECKING:
    from pathlib import Path

    import keras

_FILE = "initial.npz"
_SOURCE = "source"


def save_initial(folder: Path, model: keras.Model, source: str) -> None:
    """Keep a network's weights and, in words, where they came from.

    Raises:
        WorkError: If they can't be written, for example because the disk is full.
    """
    arrays = {_SOURCE: np.frombuffer(source.encode(), np.uint8), **named("model", model.weights)}
    try:
        write_arrays(folder / _FILE, arrays)
    except OSError as error:
        raise WorkError(f"The first weights can't be written to {folder}: {error}. Make room and try again.") from error


def restore_initial(folder: Path, model: keras.Model) -> str | None:
    """Set the network to the kept weights and return their source; None where nothing is kept.

    Raises:
        CheckpointError: If the file is damaged or another network's.
    """
    path = folder / _FILE
    if not path.is_file():
        return None
    arrays = read_arrays(path)
    check(path, "model", model.weights, arrays)
    assign("model", model.weights, arrays)
    return arrays[_SOURCE].tobytes().decode()
