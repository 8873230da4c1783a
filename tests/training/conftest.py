"""Tiny networks and pictures for the training room's tests."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from beauty_mlflow.training.loop import FitOptions, fit
from beauty_mlflow.training.progress import SilentTraining

CLASSES = 3
PICTURES = 22


@pytest.fixture
def make_network():
    """Build a network with all that has a state: convolution, batch normalisation, dropout, dense."""

    def make(*extra):
        return keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                keras.layers.Rescaling(1 / 255),
                *extra,
                keras.layers.Conv2D(4, 3, kernel_initializer=keras.initializers.GlorotUniform(seed=1)),
                keras.layers.BatchNormalization(),
                keras.layers.ReLU(),
                keras.layers.GlobalAveragePooling2D(),
                keras.layers.Dropout(0.3, seed=2),
                keras.layers.Dense(
                    CLASSES, activation="softmax", kernel_initializer=keras.initializers.GlorotUniform(seed=3)
                ),
            ]
        )

    return make


@pytest.fixture
def arrays():
    """Noise pictures, float32 [22, 8, 8, 3], whose brightness tells the class, and one-hot labels [22, 3]."""
    generator = np.random.default_rng(0)
    labels = np.arange(PICTURES) % CLASSES
    pictures = generator.integers(0, 80, (PICTURES, 8, 8, 3)) + 80 * labels[:, None, None, None]
    return pictures.astype(np.float32), np.eye(CLASSES, dtype=np.float32)[labels]


@pytest.fixture
def train(arrays):
    """Give the training dataset of a view: shuffled by the view, the last batch is smaller."""
    return lambda view: tf.data.Dataset.from_tensor_slices(arrays).shuffle(PICTURES, seed=view).batch(4)


@pytest.fixture
def validation(arrays):
    return tf.data.Dataset.from_tensor_slices(arrays).batch(5)


@pytest.fixture
def run(train, validation, tmp_path):
    """Train a network for a few epochs; any argument of ``fit`` or ``FitOptions`` can be replaced."""

    def run(model, **changes):
        options = {"optimizer": "rmsprop", "learning_rate": 1e-2, "epochs": 4, "patience": 3}
        arguments = {
            "train": train,
            "validation": validation,
            "folder": tmp_path / "state",
            "report": lambda *_: None,
            "train_pictures": PICTURES,
            "progress": SilentTraining(),
        }
        options |= {name: changes.pop(name) for name in list(changes) if name in FitOptions.__annotations__}
        return fit(model, options=FitOptions(**options), **(arguments | changes))

    return run


@pytest.fixture(scope="session")
def kept_epochs():
    """Read all of a folder's checkpoint and return its epochs' numbers; none without a checkpoint."""

    def kept_epochs(folder):
        if not (folder / "checkpoint.npz").exists():
            return []
        with np.load(folder / "checkpoint.npz", allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return [record["epoch"] for record in json.loads(arrays["state"].tobytes())["history"]]

    return kept_epochs


@pytest.fixture
def numbers():
    """Reduce a history to what doesn't depend on the clock."""
    timing = {"epoch_seconds", "images_per_second"}

    def numbers(history):
        return [{name: value for name, value in record.metrics.items() if name not in timing} for record in history]

    return numbers
