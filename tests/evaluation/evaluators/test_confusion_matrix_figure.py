import csv
from importlib import resources
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators import confusion_matrix_figure
from beauty_mlflow.evaluation.evaluators.confusion_matrix_figure import FILE, SCALE, evaluate
from beauty_mlflow.evaluation.plotting import readable
from beauty_mlflow.evaluation.predictions import PredictionTable


@pytest.fixture
def table_of_counts():
    """Return the table whose confusion counts are these."""

    def make(counts):
        counts = np.asarray(counts)
        true, predicted = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), len(counts))
        rows = np.eye(len(counts), dtype=np.float32)[predicted]
        names = tuple(map(str, range(len(counts))))
        return PredictionTable(tuple(map(str, range(len(true)))), true.astype(np.int32), rows, names)

    return make


@pytest.fixture
def drawn(monkeypatch):
    """Figures in place of files."""
    kept = []
    monkeypatch.setattr(confusion_matrix_figure, "save_figure", lambda *arguments: kept.append(arguments[0]))
    return kept


def share_of(path, colour):
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    return (pixels == np.round(np.array(to_rgb(colour)) * 255)).all(axis=2).mean()


@pytest.mark.parametrize(
    ("count", "colour"),
    [
        (1, "green"),
        (9, "green"),
        (10, "blue"),
        (19, "blue"),
        (20, "yellow"),
        (39, "yellow"),
        (40, "orange"),
        (59, "orange"),
        (60, "red"),
        (1000, "red"),
    ],
)
def test_the_colours_are_the_thesiss(tmp_path, table_of_counts, count, colour):
    """A matrix with one count on its diagonal is half black, half of that count's colour."""
    evaluate(Evaluated(table_of_counts(np.diag([count, count]))), tmp_path)
    for _, other, _, _ in SCALE:
        large = share_of(tmp_path / FILE, other) > 0.05
        assert large == (other in {colour, "black"}), other


def test_with_the_thesiss_73_classes_every_name_and_number_has_room(tmp_path, drawn, make_table):
    """No two names overlap, no number leaves its cell, every name is written, and nothing leaves the figure."""
    with (resources.files("beauty_mlflow") / "data/thesis/categories.csv").open(encoding="utf-8") as stream:
        names = [row["folder"] for row in csv.DictReader(stream)]
    evaluate(Evaluated(make_table(classes=names, n=7288)), tmp_path)
    figure = drawn[0]
    figure.draw_without_rendering()
    figure.draw_without_rendering()
    axes = figure.axes[0]
    left = [tick.label1 for tick in axes.yaxis.get_major_ticks()]
    boxes = sorted((label.get_window_extent() for label in left), key=lambda box: box.y0)
    assert [label.get_text() for label in left] == [readable(name) for name in names]
    assert all(upper.y0 >= lower.y1 - 1 for lower, upper in pairwise(boxes))
    assert axes.yaxis.label.get_window_extent().x1 <= min(box.x0 for box in boxes)
    assert axes.yaxis.label.get_window_extent().x0 >= 0
    right = [tick.label2.get_window_extent() for tick in axes.yaxis.get_major_ticks()]
    legend = figure.legends[0].get_window_extent()
    assert max(box.x1 for box in right) < legend.x0
    width, height = figure.get_size_inches() * figure.dpi
    shown = axes.get_tightbbox()
    assert min(shown.x0, shown.y0) >= 0
    assert shown.x1 <= legend.x1 <= width
    assert max(shown.y1, legend.y1) <= height
    cell = axes.get_window_extent().width / 73
    assert all(text.get_window_extent().width <= cell for text in axes.texts)
    assert min(text.get_fontsize() for text in axes.texts) >= 5


def test_hundreds_of_classes_stay_a_picture_one_can_open_and_it_says_what_is_missing(tmp_path, drawn, make_table):
    evaluate(Evaluated(make_table(classes=400, n=50)), tmp_path)
    assert max(drawn[0].get_size_inches()) <= 70
    assert drawn[0].axes[0].texts[:] == []
    assert "too many classes for numbers" in drawn[0].axes[0].get_title()
