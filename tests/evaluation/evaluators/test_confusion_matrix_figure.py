import csv
from importlib import resources
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from beauty_mlflow.evaluation.clustering import cluster_labels, order_by_box
from beauty_mlflow.evaluation.confusion import count_confusions
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


@pytest.mark.parametrize("column", ["folder", "category"])
def test_with_the_thesiss_73_classes_every_name_and_number_has_room(tmp_path, drawn, make_table, column):
    """No two names overlap, no number leaves its cell, every name is written, and nothing leaves the figure."""
    with (resources.files("beauty_mlflow") / "data/thesis/categories.csv").open(encoding="utf-8") as stream:
        names = [row[column] for row in csv.DictReader(stream)]
    table = make_table(classes=names, n=7288)
    evaluate(Evaluated(table), tmp_path)
    figure = drawn[0]
    figure.draw_without_rendering()
    figure.draw_without_rendering()
    axes = figure.axes[0]
    left = [tick.label1 for tick in axes.yaxis.get_major_ticks()]
    boxes = sorted((label.get_window_extent() for label in left), key=lambda box: box.y0)
    counts = count_confusions(table)
    order = order_by_box(counts, cluster_labels(counts, table.classes, {}))
    assert [label.get_text() for label in left] == [readable(names[label]) for label in order]
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


def named(table, names):
    return PredictionTable(table.paths, table.true, table.probabilities, tuple(names))


def matrix_of(axes):
    """The counts as drawn, and the names of rows and columns."""
    rows, columns = ([label.get_text() for label in axis.get_ticklabels()] for axis in (axes.yaxis, axes.xaxis))
    return np.asarray(axes.images[0].get_array()), rows, columns


def boxes_of(axes):
    """The names of the classes in each box."""
    _, rows, _ = matrix_of(axes)
    spans = [(patch.get_x(), patch.get_y(), patch.get_width()) for patch in axes.patches]
    assert all(x == y for x, y, _ in spans)
    return [rows[round(x + 0.5) : round(x + 0.5 + width)] for x, _, width in spans]


CONFUSED = np.array([[30, 0, 9, 0], [0, 30, 0, 8], [7, 0, 30, 0], [0, 9, 1, 30]])


def test_confused_classes_stand_together_and_each_number_stays_with_its_classes(tmp_path, drawn, table_of_counts):
    evaluate(Evaluated(named(table_of_counts(CONFUSED), "abcd")), tmp_path)
    counts, rows, columns = matrix_of(drawn[0].axes[0])
    assert rows == columns
    assert {frozenset(rows[:2]), frozenset(rows[2:])} == {frozenset("ac"), frozenset("bd")}
    order = ["abcd".index(name) for name in rows]
    np.testing.assert_array_equal(counts, CONFUSED[np.ix_(order, order)])


@pytest.mark.parametrize(
    ("names", "groups", "boxes", "words"),
    [
        ("abcd", {}, [{"a", "c"}, {"b", "d"}], "classes often confused"),
        (("x_a", "x_b", "y_c", "y_d"), {}, [{"x_a", "x_b"}, {"y_c", "y_d"}], "a family of names"),
        (("x_a", "x_b", "y_c", "z_d"), {"x_a": "one", "z_d": "one"}, [{"x_a", "z_d"}], "a group"),
    ],
)
def test_boxes_are_drawn_round_what_belongs_together(tmp_path, drawn, table_of_counts, names, groups, boxes, words):
    evaluate(Evaluated(named(table_of_counts(CONFUSED), names), groups=groups), tmp_path)
    found = [set(box) for box in boxes_of(drawn[0].axes[0])]
    assert sorted(map(sorted, found)) == sorted(map(sorted, boxes))
    assert drawn[0].legends[0].get_texts()[-1].get_text() == words


def test_without_boxes_the_key_has_none(tmp_path, drawn, table_of_counts):
    evaluate(Evaluated(table_of_counts(np.diag([9, 9, 9]))), tmp_path)
    assert list(drawn[0].axes[0].patches) == []
    assert drawn[0].legends[0].get_texts()[-1].get_text() == "0"


def test_the_table_keeps_the_classes_own_order(tmp_path, table_of_counts):
    from beauty_mlflow.evaluation.evaluators import confusion_matrix_table

    confusion_matrix_table.evaluate(Evaluated(named(table_of_counts(CONFUSED), "abcd")), tmp_path)
    header, *_ = (tmp_path / confusion_matrix_table.FILE).read_text(encoding="utf-8").splitlines()
    assert header.split("\t")[1:] == list("abcd")
