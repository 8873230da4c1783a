"""Trains a small network on one thread; the tests kill it. Usage: worker.py FOLDER [EPOCH STEP to die at]."""

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from beauty_mlflow.training.loop import FitOptions, fit
from beauty_mlflow.training.progress import SilentTraining

EPOCHS = 8
PICTURES = 40


class Dying(SilentTraining):
    """Kills its own process at a step, or, with step 0, after the epoch's checkpoint."""

    def __init__(self, epoch, step):
        self.place = (epoch, step)

    def step(self, position, _):
        self._die((position.epoch, position.step))

    def epoch(self, record, *_, **__):
        self._die((record.epoch, 0))

    def _die(self, place):
        if place == self.place:
            os.kill(os.getpid(), signal.SIGKILL)


def network():
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(1024, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


def main():
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(7)
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 256, (PICTURES, 8, 8, 3)).astype(np.float32)
    labels = np.eye(3, dtype=np.float32)[generator.integers(0, 3, PICTURES)]
    model = network()
    result = fit(
        model,
        lambda view: tf.data.Dataset.from_tensor_slices((pictures, labels)).shuffle(PICTURES, seed=view).batch(16),
        tf.data.Dataset.from_tensor_slices((pictures, labels)).batch(16),
        options=FitOptions("rmsprop", 1e-3, epochs=EPOCHS, patience=EPOCHS),
        folder=Path(sys.argv[1]),
        report=lambda *_: None,
        train_pictures=PICTURES,
        progress=Dying(*map(int, sys.argv[2:] or (0, 0))),
    )
    weights = hashlib.sha256(b"".join(np.array(variable).tobytes() for variable in model.variables))
    figures = [(r.epoch, r.loss, r.accuracy, r.val_loss, r.val_accuracy) for r in result.history]
    sys.stdout.write(json.dumps([result.best_epoch, figures, weights.hexdigest()]))


main()
