"""Shows how far a training is. The loop calls it; what it shows is decided here."""

import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TextIO

from tqdm import tqdm

from beauty_mlflow.training.history import EpochRecord

_TERMINAL_SECONDS = 0.2
_PLAIN_SECONDS = 30.0


@dataclass(frozen=True)
class Position:
    """Where a training is.

    Attributes:
        epoch: Counted from 1.
        epochs: At most.
        step: Steps done in this epoch.
        steps: Steps of this epoch, or None where the dataset doesn't know.
        pictures: Training pictures of an epoch.
        step_seconds: Since this epoch's first step began.
        validation_seconds: What the last validation took; 0 in the first epoch.
    """

    epoch: int
    epochs: int
    step: int
    steps: int | None
    pictures: int
    step_seconds: float
    validation_seconds: float


class TrainingProgress(Protocol):
    """What the loop tells."""

    def step(self, position: Position, metrics: Mapping[str, float]) -> None:
        """Tell that a training step is done, with the epoch's loss and accuracy so far."""

    def epoch(self, record: EpochRecord, epochs: int, *, best: bool) -> None:
        """Tell that an epoch is done."""

    def close(self) -> None:
        """Tell that the training is over, finished or not."""


class SilentTraining:
    """Shows nothing."""

    def step(self, position: Position, metrics: Mapping[str, float]) -> None:
        """Take no notice."""

    def epoch(self, record: EpochRecord, epochs: int, *, best: bool) -> None:
        """Take no notice."""

    def close(self) -> None:
        """Take no notice."""


class ConsoleTraining:
    """Writes to stderr: one line an epoch; meanwhile one that changes, or, off a terminal, one in 30 s.

    Args:
        stream: Instead of stderr.
        label: Before each line.
    """

    def __init__(self, stream: TextIO | None = None, label: str = "") -> None:
        self._stream = stream or sys.stderr
        self._label = label
        self._terminal = self._stream.isatty()
        self._open_line = False
        self._last = time.monotonic()

    def step(self, position: Position, metrics: Mapping[str, float]) -> None:
        """Show the position, unless it was shown a moment ago."""
        now = time.monotonic()
        if now - self._last < (_TERMINAL_SECONDS if self._terminal else _PLAIN_SECONDS):
            return
        self._last = now
        text = describe_position(position, metrics)
        if self._terminal:
            self._write(text[: shutil.get_terminal_size().columns - 1], end="")
        else:
            self._write(text, end="\n")

    def epoch(self, record: EpochRecord, epochs: int, *, best: bool) -> None:
        """Show the epoch's figures."""
        figures = "  ".join(
            f"{name} {record.metrics[name]:.4f}" for name in ("loss", "accuracy", "val_loss", "val_accuracy")
        )
        seconds = tqdm.format_interval(round(record.epoch_seconds))
        speed = f"{record.images_per_second:.1f} pictures/s"
        mark = "  (best so far)" if best else ""
        self._write(f"epoch {record.epoch}/{epochs}  {figures}  {seconds}, {speed}{mark}", end="\n")

    def close(self) -> None:
        """End a line that an interruption left open."""
        if self._open_line:
            self._stream.write("\n")
            self._stream.flush()
            self._open_line = False

    def _write(self, text: str, end: str) -> None:
        start = "\r\x1b[2K" if self._open_line else ""
        self._stream.write(f"{start}{self._label}{text}{end}")
        self._stream.flush()
        self._open_line = not end


def describe_position(position: Position, metrics: Mapping[str, float]) -> str:
    """Say in one line: epoch, step, speed, time left in this epoch and at most in all, loss and accuracy."""
    parts = [f"epoch {position.epoch}/{position.epochs}"]
    if position.steps is None:
        parts.append(f"step {position.step}")
    else:
        parts += [f"step {position.step}/{position.steps}", *_speed(position, position.steps)]
    parts += [f"{name} {metrics[name]:.4f}" for name in ("loss", "accuracy")]
    return "  ".join(parts)


def _speed(position: Position, steps: int) -> list[str]:
    done = position.step / steps
    training = position.step_seconds / done
    epoch_left = training - position.step_seconds + position.validation_seconds
    total_left = epoch_left + (position.epochs - position.epoch) * (training + position.validation_seconds)
    in_epoch, in_all = (tqdm.format_interval(round(seconds)) for seconds in (epoch_left, total_left))
    return [
        f"{position.pictures / training:.1f} pictures/s",
        f"{in_epoch} left in this epoch, {in_all} at most in all",
    ]
