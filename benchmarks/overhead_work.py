"""How long the work takes that each run does once or each epoch besides training: figures, model, state."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from machine import spread

from beauty_mlflow.data.sample import make_sample
from beauty_mlflow.data.splits.manifest import Split, write_split
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.figures import draw_augmentation, draw_curves, draw_samples
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.evaluation.report import write_evaluation
from beauty_mlflow.networks.building import build_transfer
from beauty_mlflow.networks.freezing import freeze
from beauty_mlflow.networks.table import get_network, select_blocks
from beauty_mlflow.progress import silent_progress
from beauty_mlflow.serving.package import save_package
from beauty_mlflow.training.checkpoint import CheckpointFolder
from beauty_mlflow.training.history import EpochRecord
from beauty_mlflow.training.optimizers import build_optimizer

NETWORK, BLOCKS, CLASSES = "inception_v3", 6, 73  # the thesis's
IMAGES = 3
TURNS = 3
EPOCHS = 10


def make_split(folder: Path, classes: int, images: int) -> Split:
    """Draw pictures into ``folder/boxes``, split them and write ``folder/split.csv``."""
    make_sample(folder / "boxes", classes=classes, images=images, seed=0, progress=silent_progress)
    split = split_data(folder / "boxes", SplitOptions(train=0.5, val=0.25, test=0.25), silent_progress).split
    write_split(split, folder / "split.csv")
    return split


def make_model() -> keras.Model:
    """Build the thesis's network with its blocks unfrozen, from random weights."""
    network = get_network(NETWORK)
    model = build_transfer(
        network,
        classes=CLASSES,
        image_size=network.image_size,
        scaling="unit",
        dropout=0.2,
        dense_units=512,
        precision="float32",
        seed=0,
    )
    freeze(model, network, select_blocks(network, blocks=BLOCKS, unfreeze=""), batch_norm="train")
    return model


def save_model(model: keras.Model, folder: Path) -> None:
    """Write the package that is logged as the run's model."""
    names = [f"class {number}" for number in range(CLASSES)]
    size = model.input_shape[1]
    save_package(folder, model, classes=names, image_size=size, resize="squash", network=NETWORK)


def measure_work(model: keras.Model, turns: int = TURNS) -> dict[str, Any]:
    """Return the seconds of each piece of work, for 73 classes and six blocks of InceptionV3."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pieces = _pieces(model, folder)
        seconds: dict[str, list[float]] = {name: [] for name in pieces}
        for turn in range(turns + 1):
            for name, work in pieces.items():
                begun = time.perf_counter()
                work()
                if turn:  # the first one loads fonts and compiles
                    seconds[name].append(time.perf_counter() - begun)
    return {name: spread(found) for name, found in seconds.items()}


def _pieces(model: keras.Model, folder: Path) -> dict[str, Callable[[], None]]:
    pictures = make_split(folder, CLASSES, IMAGES).part("train")
    table = _table()
    optimizer = build_optimizer("rmsprop", 1e-4)
    optimizer.build(model.trainable_variables)
    history = [EpochRecord(epoch, 1 / epoch, 0.5, 2 / epoch, 0.5, 1e-4, 30.0, 100.0) for epoch in range(1, EPOCHS + 1)]
    state = CheckpointFolder(folder / "state", {})

    def augmentation() -> None:
        draw_augmentation(pictures, augment="thesis", seed=0, size=299, resize="squash", path=folder / "a.png")

    return {
        "samples.png": lambda: draw_samples(pictures, folder / "samples.png"),
        "augmentation.png": augmentation,
        "curves.png": lambda: draw_curves([record.metrics for record in history], EPOCHS, folder / "curves.png"),
        "evaluation/": lambda: write_evaluation(Evaluated(table, folder), folder / "evaluation"),
        "the model's files": lambda: save_model(model, folder / "package"),
        "state, each epoch": lambda: state.save(model, optimizer, history, EPOCHS),
    }


def _table() -> PredictionTable:
    random = np.random.default_rng(0)
    count = 10 * CLASSES
    true = (np.arange(count) % CLASSES).astype(np.int32)
    rows = random.random((count, CLASSES), np.float32) + 2 * np.eye(CLASSES, dtype=np.float32)[true]
    paths = tuple(f"{number}.jpg" for number in range(count))
    names = tuple(f"Class_Name_{number}" for number in range(CLASSES))
    return PredictionTable(paths, true, rows / rows.sum(axis=1, keepdims=True), names)
