"""confusion_matrix.png: which class is taken for which, in the thesis's colours."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.legend import Legend
from matplotlib.patches import Patch, Rectangle

from beauty_mlflow.evaluation.clustering import box_kind, cluster_labels, order_by_box
from beauty_mlflow.evaluation.confusion import count_confusions
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.metrics import summarize
from beauty_mlflow.evaluation.plotting import DPI, name_style, new_figure, readable, save_figure
from beauty_mlflow.evaluation.predictions import PredictionTable

FILE = "confusion_matrix.png"
DRAWS = True
# the thesis's scale: lowest count, colour of the cell, colour of its number, words
SCALE = (
    (0, "black", "white", "0"),
    (1, "green", "white", "1 to 9"),
    (10, "blue", "white", "10 to 19"),
    (20, "yellow", "black", "20 to 39"),
    (40, "orange", "black", "40 to 59"),
    (60, "red", "black", "60 or more"),
)
BOX = "cyan"
CELL = 0.3  # inches; a number of three digits fits
LARGEST = 60.0  # inches; 6,000 pixels
SMALLEST_WITH_NUMBER = 0.2  # inches
PAD = 0.15  # inches
MANY = 25  # classes from which on the names stand on all four sides

Counts = npt.NDArray[np.int64]


def evaluate(evaluated: Evaluated, folder: Path) -> None:
    """Write confusion_matrix.png: a row a true class, a column a predicted one, numbers where above 0.

    The colours are the thesis's, by the number of pictures. Classes that are taken for each other stand together, in
    boxes: the groups; without groups, the families of names or else the clusters found; see
    ``cluster_labels``. With more than 200 classes the cells get smaller, and with more than 300 there is no room for
    numbers, which the figure says.
    """
    table = evaluated.table
    counts = count_confusions(table)
    boxes = cluster_labels(counts, table.classes, evaluated.groups)
    order = order_by_box(counts, boxes)
    counts = counts[np.ix_(order, order)]
    cell = min(max(CELL, 4.0 / len(counts)), LARGEST / len(counts))
    side = cell * len(counts)
    numbered = cell >= SMALLEST_WITH_NUMBER
    heading = 10 + side / 3
    figure = new_figure(side, side, arranged=False)
    axes = figure.add_axes((0, 0, 1, 1))
    _draw_cells(axes, counts)
    if numbered:
        _write_numbers(axes, counts, size=min(10.0, 26 * cell))
    _name_axes(axes, [table.classes[label] for label in order], size=min(10.0, 30 * cell))
    is_boxed = _draw_boxes(axes, boxes[order], thickness=min(3.0, 10 * cell))
    axes.set_xlabel("Predicted class", fontsize=heading)
    axes.set_ylabel("True class", fontsize=heading)
    axes.set_title(_title(table, numbered=numbered), fontsize=heading, pad=14)
    handles = [*_legend(), *([_box_handle(table, evaluated.groups)] if is_boxed else [])]
    legend = figure.legend(handles=handles, loc="upper right", fontsize=heading, handlelength=1)
    legend.set_title("Pictures", prop=FontProperties(size=heading))
    _make_room(figure, axes, legend, side)
    save_figure(figure, folder / FILE)


def _make_room(figure: Figure, axes: Axes, legend: Legend, side: float) -> None:
    """Enlarge a figure that is all matrix by what names, title and legend take.

    matplotlib's own arrangement would measure each of some 300 names several times, for seconds.
    """
    pad = PAD * DPI
    taken = axes.get_tightbbox()
    assert taken is not None
    key = legend.get_window_extent()
    left, bottom = pad - min(taken.x0, 0), pad - min(taken.y0, 0)
    right = max(taken.x1 - side * DPI, 0) + pad + key.width + pad
    top = max(taken.y1, key.height) - side * DPI + pad
    width, height = left + side * DPI + right, bottom + side * DPI + max(top, pad)
    figure.set_size_inches(width / DPI, height / DPI)
    axes.set_position((left / width, bottom / height, side * DPI / width, side * DPI / height))


def _draw_cells(axes: Axes, counts: Counts) -> None:
    colours = ListedColormap([colour for _, colour, _, _ in SCALE])
    limits = [lowest for lowest, *_ in SCALE]
    norm = BoundaryNorm([*limits, np.iinfo(np.int64).max], colours.N)
    axes.imshow(counts, cmap=colours, norm=norm, interpolation="nearest")
    edges = np.arange(len(counts) + 1) - 0.5
    first, last = edges[[0, -1]]
    axes.vlines(edges, first, last, color="dimgray", linewidth=0.5)
    axes.hlines(edges, first, last, color="dimgray", linewidth=0.5)
    axes.set(xlim=(first, last), ylim=(last, first))


def _draw_boxes(axes: Axes, boxes: npt.NDArray[np.int64], thickness: float) -> bool:
    """Draw a frame round each box of more than one class, and return whether there is any."""
    starts = np.flatnonzero(np.diff(boxes, prepend=-1))
    sizes = np.diff(starts, append=len(boxes))
    for start, size in zip(starts[sizes > 1] - 0.5, sizes[sizes > 1], strict=True):
        axes.add_patch(Rectangle((start, start), size, size, fill=False, edgecolor=BOX, linewidth=thickness))
    return bool((sizes > 1).any())


def _write_numbers(axes: Axes, counts: Counts, size: float) -> None:
    for row, column in zip(*np.nonzero(counts), strict=True):
        n = int(counts[row, column])
        ink = next(ink for lowest, _, ink, _ in reversed(SCALE) if n >= lowest)
        smaller = size * min(1.0, 3 / len(str(n)))
        axes.text(column, row, str(n), color=ink, fontsize=smaller, ha="center", va="center")


def _name_axes(axes: Axes, classes: Sequence[str], size: float) -> None:
    names = [readable(name) for name in classes]
    style = {"fontsize": size, **name_style()}
    axes.set_xticks(range(len(names)), names, rotation=90, **style)
    axes.set_yticks(range(len(names)), names, **style)
    everywhere = len(names) >= MANY
    axes.tick_params(which="major", top=everywhere, labeltop=everywhere, right=everywhere, labelright=everywhere)


def _title(table: PredictionTable, *, numbered: bool) -> str:
    figures = summarize(table)
    interval = f"95 % interval {figures['accuracy_low']:.3f} to {figures['accuracy_high']:.3f}"
    title = f"{len(table)} pictures, accuracy {figures['accuracy']:.3f}\n{interval}"
    return title if numbered else f"{title}\ntoo many classes for numbers: see confusion_matrix.tsv"


def _box_handle(table: PredictionTable, groups: Mapping[str, str]) -> Patch:
    words = {"group": "a group", "family": "a family of names", "cluster": "classes often confused"}
    return Patch(facecolor="black", edgecolor=BOX, linewidth=2, label=words[box_kind(table.classes, groups)])


def _legend() -> list[Patch]:
    return [Patch(facecolor=colour, edgecolor="dimgray", label=words) for _, colour, _, words in reversed(SCALE)]
