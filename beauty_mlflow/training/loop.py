"""The training loop: epochs, early stopping, checkpoints. It reports (epoch, metrics), to whomever."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from beauty_mlflow.errors import DivergedError, ParameterError
from beauty_mlflow.interruption import raise_again
from beauty_mlflow.training.checkpoint import CheckpointFolder
from beauty_mlflow.training.confusions import Confusions
from beauty_mlflow.training.early_stopping import EarlyStopping
from beauty_mlflow.training.history import EpochRecord
from beauty_mlflow.training.optimizers import build_optimizer, scale_loss
from beauty_mlflow.training.progress import ConsoleTraining, Position, TrainingProgress
from beauty_mlflow.training.schedules import SCHEDULES, Schedule, factor

Report = Callable[[int, Mapping[str, float]], None]
Validated = Callable[[int, npt.NDArray[np.int64]], None]


def _nobody(epoch: int, confusions: npt.NDArray[np.int64]) -> None:
    del epoch, confusions


@dataclass(frozen=True)
class FitOptions:
    """How to train.

    Attributes:
        optimizer: A name of ``recipes.OPTIMIZERS``.
        learning_rate: Above 0; the highest over the run.
        epochs: At most.
        patience: Epochs without a lower val_loss after which training stops (0 acts as 1, as in Keras).
        label_smoothing: Share of the target that is spread over all classes, in the training loss only.
        schedule: How the learning rate goes; a name of ``schedules.SCHEDULES``.
        seed: Of Python's, NumPy's and TensorFlow's generators; ``fit`` sets them before it trains, whatever
            has been drawn from them until then.
    """

    optimizer: str
    learning_rate: float
    epochs: int
    patience: int
    label_smoothing: float = 0.0
    schedule: Schedule = "constant"
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {
            "learning_rate": (0 < self.learning_rate < math.inf, "a number above 0"),
            "epochs": (self.epochs >= 1, "at least 1"),
            "patience": (self.patience >= 0, "at least 0"),
            "label_smoothing": (0 <= self.label_smoothing < 1, "from 0 to below 1"),
            "schedule": (self.schedule in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
        }
        for name, (good, expected) in limits.items():
            if not good:
                raise ParameterError(f"{name} is {getattr(self, name)}; expected {expected}.")


@dataclass(frozen=True)
class FitResult:
    """What a training came to. The best figures are the history's at ``best_epoch``, the lowest val_loss."""

    history: list[EpochRecord]
    best_epoch: int
    best_val_loss: float
    best_val_accuracy: float


def fit(
    model: keras.Model,
    train: Callable[[int], tf.data.Dataset],
    validation: tf.data.Dataset,
    *,
    options: FitOptions,
    folder: Path,
    report: Report,
    train_pictures: int,
    progress: TrainingProgress | None = None,
    identity: Mapping[str, object] | None = None,
    reported: int = 0,
    validated: Validated = _nobody,
) -> FitResult:
    """Train until the epochs are done or val_loss stops improving; the model then holds its best weights.

    After each epoch the whole state is written to ``folder``, then the epoch is reported. If the folder
    already holds a checkpoint, training goes on from there, or ends at once where it was finished; with the
    same datasets, on one thread, its results equal an uninterrupted run's.

    Args:
        model: Classifier from pictures, float32 [b, size, size, 3], to probabilities, float32 [b, classes],
            with at least one trainable weight. It is compiled here.
        train: Gives the dataset of a view, counted from 0; epoch e trains on view e - 1. Its elements are
            (pictures, one-hot float32 [b, classes]) or the same with weights, float32 [b]. For a resumed run
            to equal an uninterrupted one, the dataset must depend on nothing but the view.
        validation: The same without weights.
        options: How to train.
        folder: Of this run's checkpoint alone.
        report: Called once an epoch with ``EpochRecord.metrics``. What it raises ends the training; the
            checkpoint holds that epoch by then.
        train_pictures: Pictures in each training dataset.
        progress: What is shown meanwhile; by default lines on stderr.
        identity: What must be equal for a checkpoint to be this run's: JSON values by name. The options
            belong to it without being named.
        reported: Epochs that were reported before; those of the checkpoint after them are reported again.
        validated: Called before ``report`` with an epoch and its validation's int64 [classes, classes]: row the true
            class, column the predicted one. Of epochs that come from a checkpoint and weren't reported, only the
            last one's are known.

    Raises:
        DivergedError: At the first step or validation whose loss isn't finite.
        CheckpointError: If the folder's checkpoint is damaged, or its identity or network is another.
        WorkError: If a checkpoint can't be written.
    """
    if train_pictures < 1:
        raise ParameterError("There are no training pictures; expected at least 1.")
    keras.utils.set_random_seed(options.seed)
    progress = progress or ConsoleTraining()
    run = _Run(model, options, progress, train_pictures)
    checkpoint = CheckpointFolder(folder, {**(identity or {}), **asdict(options)})
    history = checkpoint.restore(model, model.optimizer)
    stopping = EarlyStopping(options.patience)
    for record in history:
        stopping.update(record.val_loss)
        if record.epoch > reported:
            if record is history[-1] and (confusions := checkpoint.confusions()) is not None:
                validated(record.epoch, confusions)
            report(record.epoch, record.metrics)
    try:
        while len(history) < options.epochs and not stopping.stop:
            record = run.epoch(len(history) + 1, train(len(history)), validation)
            history.append(record)
            improved = stopping.update(record.val_loss)
            confusions = run.confusions.counts()
            checkpoint.save(model, model.optimizer, history, stopping.best_epoch, confusions)
            progress.epoch(record, options.epochs, best=improved)
            validated(record.epoch, confusions)
            report(record.epoch, record.metrics)
    finally:
        progress.close()
    checkpoint.restore_best(model, stopping.best_epoch)
    best = history[stopping.best_epoch - 1]
    return FitResult(history, best.epoch, best.val_loss, best.val_accuracy)


class _Run:
    """The compiled network and what an epoch needs to know beyond its datasets."""

    def __init__(
        self, model: keras.Model, options: FitOptions, progress: TrainingProgress, train_pictures: int
    ) -> None:
        self.progress = progress
        self.epochs = options.epochs
        self.train_pictures = train_pictures
        self.learning_rate = options.learning_rate
        self._options = options
        self.validation_seconds = 0.0
        self._model = model
        self.confusions = Confusions(model.output_shape[-1])
        model.compile(
            optimizer=scale_loss(build_optimizer(options.optimizer, options.learning_rate), model),
            loss=keras.losses.CategoricalCrossentropy(label_smoothing=options.label_smoothing),
            metrics=[
                keras.metrics.CategoricalAccuracy(name="accuracy"),
                keras.metrics.CategoricalCrossentropy(name="cross_entropy"),
                self.confusions,
            ],
            jit_compile=False,  # XLA is slower on CPUs: 22 instead of 30 pictures/s with InceptionV3
        )
        model.optimizer.build(model.trainable_variables)

    def epoch(self, number: int, train: tf.data.Dataset, validation: tf.data.Dataset) -> EpochRecord:
        """Train on one dataset, then validate."""
        steps = int(train.cardinality())
        watch = _Watch(self, number, steps if steps >= 0 else None)
        start = time.perf_counter()
        trained = self._model.fit(train, verbose=0, shuffle=False, callbacks=[watch]).history
        training_seconds = time.perf_counter() - start
        measured = self._model.evaluate(validation, verbose=0, return_dict=True)
        seconds = time.perf_counter() - start
        self.validation_seconds = seconds - training_seconds
        self.require_finite(measured["cross_entropy"], f"val_loss of epoch {number}")
        return EpochRecord(
            epoch=number,
            loss=trained["loss"][0],
            accuracy=trained["accuracy"][0],
            val_loss=measured["cross_entropy"],
            val_accuracy=measured["accuracy"],
            learning_rate=self.learning_rate,
            epoch_seconds=seconds,
            images_per_second=self.train_pictures / training_seconds,
        )

    def set_rate(self, epochs_done: float) -> None:
        """Set the learning rate for the next step."""
        self.learning_rate = self._options.learning_rate * factor(self._options.schedule, epochs_done, self.epochs)
        self._model.optimizer.learning_rate = self.learning_rate

    def require_finite(self, loss: float, what: str) -> None:
        if not math.isfinite(loss):
            raise DivergedError(
                f"The {what} became {loss} with a learning rate of {self.learning_rate:g}. Lower the "
                "learning rate, or train in float32 if the precision is another."
            )


class _Watch(keras.callbacks.Callback):
    """Looks at each step of an epoch."""

    def __init__(self, run: _Run, epoch: int, steps: int | None) -> None:
        super().__init__()
        self._run, self._epoch, self._steps = run, epoch, steps
        self._start = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002 - Keras's signature
        raise_again()
        self._run.set_rate(self._epoch - 1 + (batch + 1) / ((self._steps or batch) + 1))

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float]) -> None:
        self._run.require_finite(logs["loss"], f"loss of epoch {self._epoch}, step {batch + 1}")
        position = Position(
            epoch=self._epoch,
            epochs=self._run.epochs,
            step=batch + 1,
            steps=self._steps,
            pictures=self._run.train_pictures,
            step_seconds=time.perf_counter() - self._start,
            validation_seconds=self._run.validation_seconds,
        )
        self._run.progress.step(position, logs)
