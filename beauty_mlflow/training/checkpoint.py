"""A run's state on disk, whole at every moment, so that an interrupted run goes on where it was.

``checkpoint.npz`` holds the optimizer's variables, the history, the last epoch's confusions, the run's identity and,
unless the last epoch is the best, the network's variables (those of the dropout layers' random generators among them);
``best-00007.npz`` the network's variables after the best epoch. Early stopping needs nothing of its own: its state
follows from the history.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from beauty_mlflow.errors import CheckpointError, WorkError
from beauty_mlflow.training.arrays import Arrays, assign, check, damaged, named, read_arrays, write_arrays
from beauty_mlflow.training.history import EpochRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import keras

_FORMAT = 2
_FILE = "checkpoint.npz"
_STATE = "state"
_CONFUSIONS = "confusions"


@dataclass(frozen=True)
class CheckpointFolder:
    """The checkpoint of one run in a folder of its own; only one process may write there at a time."""

    folder: Path
    identity: Mapping[str, object]

    def save(
        self,
        model: keras.Model,
        optimizer: keras.Optimizer,
        history: Sequence[EpochRecord],
        best_epoch: int,
        confusions: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """Write the state after the history's last epoch.

        The best epoch's weights come first, then the checkpoint that names them, and only then older best
        weights go, so that whatever interrupts this leaves the old state or the new one.

        Raises:
            WorkError: If it can't be written, for example because the disk is full; the old state is kept.
        """
        try:
            arrays = {_STATE: self._state(history, best_epoch), **named("optimizer", optimizer.variables)}
            if confusions is not None:
                arrays[_CONFUSIONS] = confusions
            network = named("model", model.variables)
            if best_epoch == len(history):
                write_arrays(self._best(best_epoch), network)
            else:
                arrays |= network
            write_arrays(self.folder / _FILE, arrays)
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
        if not (self.folder / _FILE).is_file():
            return []
        arrays = read_arrays(self.folder / _FILE)
        state = _parse(self.folder / _FILE, arrays)
        self._compare(state["identity"])
        best = self._best(state["best_epoch"])
        network = read_arrays(best)
        check(best, "model", model.variables, network)
        if state["best_epoch"] < len(state["history"]):
            network = arrays
            check(self.folder / _FILE, "model", model.variables, network)
        check(self.folder / _FILE, "optimizer", optimizer.variables, arrays)
        assign("model", model.variables, network)
        assign("optimizer", optimizer.variables, arrays)
        self._clear(keep=state["best_epoch"])
        return [EpochRecord(**record) for record in state["history"]]

    def confusions(self) -> npt.NDArray[np.int64] | None:
        """Return those of the last epoch's validation, int64 [classes, classes]; None where they weren't kept.

        Raises:
            CheckpointError: There is no checkpoint, or it is damaged.
        """
        return read_arrays(self.folder / _FILE).get(_CONFUSIONS)

    def restore_best(self, model: keras.Model, best_epoch: int) -> None:
        """Set the network to its state after the best epoch.

        Raises:
            CheckpointError: If that file is missing, damaged, or another network's.
        """
        arrays = read_arrays(self._best(best_epoch))
        check(self._best(best_epoch), "model", model.variables, arrays)
        assign("model", model.variables, arrays)

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


def _parse(path: Path, arrays: Arrays) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads(arrays[_STATE].tobytes())
    except (KeyError, ValueError) as error:
        raise damaged(path, error) from error
    if state.get("format") != _FORMAT:
        raise CheckpointError(
            f"{path} has format {state.get('format')}, but this version reads format {_FORMAT}. Resume "
            "the run with the version that began it, or start a new run."
        )
    return state
