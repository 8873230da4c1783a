"""Figures of a run: its pictures, its augmentation, its curves, its reliability."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from beauty_mlflow.data import images
from beauty_mlflow.data.augmentation import Augment, transforms
from beauty_mlflow.data.decoded import Decoder
from beauty_mlflow.data.images import Resize
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.errors import DataError
from beauty_mlflow.evaluation.plotting import DPI, name_style, new_figure, readable, save_figure
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.evaluation.reliability import BINS, Reliability, bin_by_confidence

SAMPLE_COLUMNS = 7  # as in the thesis
SAMPLE_SIZE = 180  # pixels, as all that follow
SAMPLE_MARGIN = 10
CELL_WIDTH, CELL_HEIGHT = 200, 230
VIEWS = 9


def draw_samples(pictures: Pictures, path: Path) -> None:
    """Draw the first picture of each class in 7 columns, with the class's name above.

    Pictures keep their proportions on white; a class without a picture says so.

    Raises:
        PictureError: A picture can't be decoded.
    """
    rows = math.ceil(len(pictures.classes) / SAMPLE_COLUMNS)
    width, height = SAMPLE_COLUMNS * CELL_WIDTH, rows * CELL_HEIGHT
    figure = new_figure(width / DPI, height / DPI, arranged=False)
    for label, name in enumerate(pictures.classes):
        row, column = divmod(label, SAMPLE_COLUMNS)
        left, bottom = column * CELL_WIDTH + SAMPLE_MARGIN, height - (row + 1) * CELL_HEIGHT + SAMPLE_MARGIN
        middle = left + SAMPLE_SIZE / 2
        title = "\n".join(textwrap.wrap(readable(name), 30))
        style = {"fontsize": 7, "ha": "center", "va": "bottom", **name_style()}
        figure.text(middle / width, (bottom + SAMPLE_SIZE + SAMPLE_MARGIN / 2) / height, title, **style)
        found = np.flatnonzero(pictures.labels == label)
        if found.size:
            # pixel by pixel, without axes: 73 of them would take a second
            figure.figimage(images.load(pictures.folder / pictures.paths[found[0]], SAMPLE_SIZE, "pad"), left, bottom)
        else:
            figure.text(middle / width, (bottom + SAMPLE_SIZE / 2) / height, "no picture", ha="center", va="center")
    save_figure(figure, path)


def draw_augmentation(
    pictures: Pictures, *, augment: Augment, seed: int, size: int, resize: Resize, path: Path
) -> None:
    """Draw nine views of one picture: what training is given of it in its first nine epochs.

    Args:
        pictures: Of which the first one is drawn.
        augment: Kind of augmentation.
        seed: The run's.
        size: Height and width of the network's pictures, in pixels.
        resize: How the picture is brought to that size.
        path: The PNG to write.

    Raises:
        DataError: The picture can't be decoded.
    """
    figure = new_figure(7, 7.6, arranged=False)
    figure.suptitle(f"Nine views of one picture (augment={augment}, seed={seed})", fontsize=10)
    places = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 0.92, "wspace": 0.03, "hspace": 0.1}
    views = _views(pictures.select(np.zeros(1, np.int64)), augment=augment, seed=seed, size=size, resize=resize)
    for view, axes in enumerate(figure.subplots(3, 3, gridspec_kw=places).flat):
        axes.set_axis_off()
        axes.set_title(f"epoch {view + 1}", fontsize=8, pad=3)
        axes.imshow(views[view])
    save_figure(figure, path)


def _views(picture: Pictures, *, augment: Augment, seed: int, size: int, resize: Resize) -> npt.NDArray[np.uint8]:
    """Return one picture as the first nine epochs see it, uint8 [9, size, size, 3]."""
    from beauty_mlflow.data.warping import warp

    plain = Decoder(picture, size, resize).read(np.zeros(1, np.int64)).repeat(VIEWS, axis=0)
    if augment == "none":
        return plain
    rows = [transforms(picture.keys, size=size, augment=augment, seed=seed, view=view) for view in range(VIEWS)]
    views = warp(plain, np.concatenate(rows))
    seen: npt.NDArray[np.uint8] = np.clip(np.rint(views), 0, 255).astype(np.uint8)
    return seen


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
    figure = new_figure(11, 4.5, arranged=False)
    places = {"left": 0.07, "right": 0.99, "bottom": 0.11, "top": 0.92, "wspace": 0.15}
    for axes, name in zip(figure.subplots(1, 2, gridspec_kw=places), ("loss", "accuracy"), strict=True):
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


def draw_reliability(tables: Mapping[str, PredictionTable], path: Path) -> None:
    """Draw accuracy against confidence, with the pictures of each bin beneath, a column a table.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, figures 1 and 4.

    Args:
        tables: Predictions by their title; in calibration before it and after it.
        path: The PNG to write.
    """
    width = 1 + 4.5 * len(tables)
    figure = new_figure(width, 6.5, arranged=False)
    left, right = 0.9 / width, 1 - 0.15 / width
    places = {"left": left, "right": right, "bottom": 0.14, "top": 0.95, "wspace": 0.08, "hspace": 0.09}
    uppers, counts = figure.subplots(
        2, len(tables), sharex=True, sharey="row", squeeze=False, height_ratios=(3, 1), gridspec_kw=places
    )
    for (title, table), upper, lower in zip(tables.items(), uppers, counts, strict=True):
        reliability = bin_by_confidence(table)
        upper.set_title(f"{title}: calibration error {reliability.expected_calibration_error:.3f}")
        _draw_bins(upper, reliability)
        lower.bar(_MIDDLES, reliability.pictures, _WIDTH, color="dimgray")
        lower.set_xlabel("confidence: probability of the predicted class")
        lower.yaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
        lower.grid(alpha=0.3)
    uppers[0].set_ylabel("accuracy: share of right answers")
    figure.legend(*uppers[0].get_legend_handles_labels(), loc="lower center", ncols=3)
    counts[0].set_ylabel("pictures")
    save_figure(figure, path)


_MIDDLES = (np.arange(BINS) + 0.5) / BINS
_WIDTH = 0.94 / BINS


def _draw_bins(axes: Axes, reliability: Reliability) -> None:
    seen = reliability.pictures > 0
    middles, accuracy, confidence = _MIDDLES[seen], reliability.accuracy[seen], reliability.confidence[seen]
    axes.bar(middles, accuracy, _WIDTH, color="tab:blue", alpha=0.6, label="accuracy")
    axes.hlines(confidence, middles - _WIDTH / 2, middles + _WIDTH / 2, color="black", label="mean confidence")
    axes.plot((0, 1), (0, 1), color="gray", linestyle="--", linewidth=1, label="where both are equal")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
