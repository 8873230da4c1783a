"""A run's state on disk, whole at every moment, so that an interrupted run goes on where it was.

``checkpoint.npz`` holds the network's variables (those of the dropout layers' random generators among them),
the optimizer's variables, the history and the run's identity; ``best-00007.npz`` the network's variables
after the best epoch. Early stopping needs nothing of its own: its state follows from the history.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from beauty_mlflow.errors import CheckpointError, WorkError
from beauty_mlflow.files import atomic_path
from beauty_mlflow.training.history import EpochRecord

if TYPE_CHECKING:
    from pathlib import Path

    import keras

_FORMAT = 1
_FILE = "checkpoint.npz"
_STATE = "state"

_Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class CheckpointFolder:
    """The checkpoint of one run in a folder of its own; only one process may write there at a time."""

    folder: Path
    identity: Mapping[str, object]

    def save(
        self, model: keras.Model, optimizer: keras.Optimizer, history: Sequence[EpochRecord], best_epoch: int
    ) -> None:
        """Write the state after the history's last epoch.

        The best epoch's weights come first, then the checkpoint that names them, and only then older best
        weights go, so that whatever interrupts this leaves the old state or the new one.

        Raises:
            WorkError: If it can't be written, for example because the disk is full; the old state is kept.
        """
        try:
            if best_epoch == len(history):
                _write(self._best(best_epoch), _named("model", model.variables))
            arrays = {**_named("model", model.variables), **_named("optimizer", optimizer.variables)}
            _write(self.folder / _FILE, {_STATE: self._state(history, best_epoch), **arrays})
            self._clear(keep=best_epoch)
        except OSError as error:
            before = len(history) - 1
            kept = f"The state after epoch {before} is kept" if before else "There is no earlier state"
            raise WorkError(
                f"The checkpoint after epoch {len(history)} can't be written to {self.folder}: {error}. "
                f"{kept}. Make room (or mend the folder) and resume the run."
            ) from error

    def restore(self, model: keras.Model, optimizer: keras.Optimizer) -> list[EpochRecord]:
        """Set both to the checkpoint's state and return its history; without a checkpoint, change nothing.

        Raises:
            CheckpointError: If it is damaged or another run's, or its best weights are gone.
        """
        if not has_checkpoint(self.folder):
            return []
        arrays = _read(self.folder / _FILE)
        state = _parse(self.folder / _FILE, arrays)
        self._compare(state["identity"])
        best = self._best(state["best_epoch"])
        _check(best, "model", model.variables, _read(best))
        _check(self.folder / _FILE, "model", model.variables, arrays)
        _check(self.folder / _FILE, "optimizer", optimizer.variables, arrays)
        _assign("model", model.variables, arrays)
        _assign("optimizer", optimizer.variables, arrays)
        self._clear(keep=state["best_epoch"])
        return [EpochRecord(**record) for record in state["history"]]

    def restore_best(self, model: keras.Model, best_epoch: int) -> None:
        """Set the network to its state after the best epoch.

        Raises:
            CheckpointError: If that file is missing, damaged, or another network's.
        """
        arrays = _read(self._best(best_epoch))
        _check(self._best(best_epoch), "model", model.variables, arrays)
        _assign("model", model.variables, arrays)

    def _best(self, epoch: int) -> Path:
        return self.folder / f"best-{epoch:05d}.npz"

    def _state(self, history: Sequence[EpochRecord], best_epoch: int) -> npt.NDArray[np.uint8]:
        state = {
            "format": _FORMAT,
            "identity": self.identity,
            "best_epoch": best_epoch,
            "history": [asdict(record) for record in history],
        }
        return np.frombuffer(json.dumps(state).encode(), np.uint8)

    def _compare(self, identity: Mapping[str, object]) -> None:
        now = json.loads(json.dumps(self.identity))
        differing = sorted(name for name in {*now, *identity} if now.get(name) != identity.get(name))
        if differing:
            details = "; ".join(f"{name} was {identity.get(name)!r}, now {now.get(name)!r}" for name in differing)
            raise CheckpointError(
                f"The checkpoint in {self.folder} is another run's: {details}. Resume with the run's own "
                "values, or start a new run."
            )

    def _clear(self, keep: int) -> None:
        """Remove what interrupted writes have left, and all best weights but those of one epoch."""
        for path in [*self.folder.glob(".*.tmp.npz"), *self.folder.glob("best-*.npz")]:
            if path != self._best(keep):
                path.unlink(missing_ok=True)


def has_checkpoint(folder: Path) -> bool:
    """Return whether a run has finished an epoch in this folder."""
    return (folder / _FILE).is_file()


def _named(prefix: str, variables: Iterable[Any]) -> _Arrays:
    return {f"{prefix}/{index:05d}": np.asarray(variable) for index, variable in enumerate(variables)}


def _write(path: Path, arrays: _Arrays) -> None:
    with atomic_path(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)


def _read(path: Path) -> _Arrays:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing, so the run can't go on. Start a new run.") from error
    except Exception as error:  # damage makes zipfile and NumPy raise almost anything
        raise _damaged(path, error) from error


def _parse(path: Path, arrays: _Arrays) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads(arrays[_STATE].tobytes())
    except (KeyError, ValueError) as error:
        raise _damaged(path, error) from error
    if state.get("format") != _FORMAT:
        raise CheckpointError(
            f"{path} has format {state.get('format')}, but this version reads format {_FORMAT}. Resume "
            "the run with the version that began it, or start a new run."
        )
    return state


def _damaged(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{path} is damaged or can't be read ({error}). Mend it or start a new run.")


def _check(path: Path, prefix: str, variables: Sequence[Any], arrays: _Arrays) -> None:
    expected = [tuple(variable.shape) for variable in variables]
    found = [arrays[name].shape for name in sorted(arrays) if name.startswith(f"{prefix}/")]
    if found != expected:
        raise CheckpointError(
            f"{path} holds another network: expected {len(expected)} {prefix} variables, found {len(found)}, "
            "or their shapes differ. Resume with the run's own parameters, or start a new run."
        )


def _assign(prefix: str, variables: Iterable[Any], arrays: _Arrays) -> None:
    for index, variable in enumerate(variables):
        variable.assign(arrays[f"{prefix}/{index:05d}"])
