"""Figures of a run: its pictures, its augmentation, its curves."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from beauty_mlflow.data import images
from beauty_mlflow.data.augmentation import Augment
from beauty_mlflow.data.images import Resize
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.errors import DataError
from beauty_mlflow.evaluation.plotting import name_style, new_figure, readable, save_figure

SAMPLE_COLUMNS = 7  # as in the thesis
SAMPLE_SIZE = 160  # pixels


def draw_samples(pictures: Pictures, path: Path) -> None:
    """Draw the first picture of each class in 7 columns, with the class's name.

    Pictures keep their proportions on white; a class without a picture says so.

    Raises:
        PictureError: A picture can't be decoded.
    """
    rows = math.ceil(len(pictures.classes) / SAMPLE_COLUMNS)
    figure = new_figure(SAMPLE_COLUMNS * 2, rows * 2.3)
    grid = figure.subplots(rows, SAMPLE_COLUMNS, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for label, (axes, name) in enumerate(zip(grid, pictures.classes, strict=False)):
        axes.set_title("\n".join(textwrap.wrap(readable(name), 30)), fontsize=7, **name_style())
        found = np.flatnonzero(pictures.labels == label)
        if found.size:
            axes.imshow(images.load(pictures.folder / pictures.paths[found[0]], SAMPLE_SIZE, "pad"))
        else:
            axes.text(0.5, 0.5, "no picture", ha="center", va="center")
    save_figure(figure, path)


def draw_augmentation(
    picture_path: Path, key: int, *, augment: Augment, seed: int, size: int, resize: Resize, path: Path
) -> None:
    """Draw nine views of one picture: what training is given of it in its first nine epochs.

    Args:
        picture_path: The picture's file.
        key: What identifies it for augmentation (an item of Pictures.keys).
        augment: Kind of augmentation.
        seed: The run's.
        size: Height and width of the network's pictures, in pixels.
        resize: How the picture is brought to that size.
        path: The PNG to write.

    Raises:
        DataError: The picture can't be decoded.
    """
    from beauty_mlflow.data.pipeline import batches, translate_errors

    keys = np.array([key], np.uint64)
    picture = Pictures(picture_path.parent, (picture_path.name,), np.zeros(1, np.int32), keys, ("any",))
    figure = new_figure(7, 7.6)
    figure.suptitle(f"Nine views of one picture (augment={augment}, seed={seed})", fontsize=10)
    for view, axes in enumerate(figure.subplots(3, 3).flat):
        with translate_errors():
            (batch,) = batches(picture, size=size, resize=resize, batch_size=1, augment=augment, seed=seed, view=view)
        axes.set_axis_off()
        axes.set_title(f"epoch {view + 1}", fontsize=8)
        axes.imshow(np.clip(np.rint(batch[0][0]), 0, 255).astype(np.uint8))
    save_figure(figure, path)


def draw_curves(history: Sequence[Mapping[str, float]], best_epoch: int, path: Path) -> None:
    """Draw loss and accuracy of training and validation by epoch, with the kept epoch marked.

    Args:
        history: One mapping an epoch, in order, with loss, accuracy, val_loss and val_accuracy.
        best_epoch: The kept one, counted from 1.
        path: The PNG to write.

    Raises:
        DataError: There is no epoch.
    """
    if not history:
        raise DataError("There is no epoch to draw; expected at least one finished epoch.")
    figure = new_figure(11, 4.5)
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        _draw_curve(axes, history, name, best_epoch)
    save_figure(figure, path)


def _draw_curve(axes: Axes, history: Sequence[Mapping[str, float]], name: str, best_epoch: int) -> None:
    epochs = range(1, len(history) + 1)
    marker = "o" if len(history) <= 30 else None  # noqa: PLR2004 - more dots than that hide the lines
    for key, words in ((name, "training"), (f"val_{name}", "validation")):
        axes.plot(epochs, [epoch[key] for epoch in history], marker=marker, markersize=4, label=words)
    axes.axvline(best_epoch, color="gray", linestyle="--", linewidth=1, label=f"kept: epoch {best_epoch}")
    axes.set_title(name.capitalize())
    axes.set_xlabel("epoch")
    axes.set_xlim(0.5, len(history) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    axes.legend()
