from dataclasses import replace

from beauty_mlflow.evaluation.comparison.charts import (
    MOST_SERIES,
    WEIGHED,
    Pair,
    depth_charts,
    distinct_names,
    learning_charts,
    pair_chart,
)
from beauty_mlflow.evaluation.comparison.compared import Accuracy
from beauty_mlflow.evaluation.comparison.series import by_depth


def points(chart, panel, label):
    return next(dict(line.points) for line in chart.panels[panel] if line.label.endswith(label))


def test_depth_against_accuracy_and_loss(depths):
    """Training and validation, in the kept epoch; the interval where there is one."""
    (chart,) = depth_charts(depths)
    assert points(chart, "accuracy", "validation") == {0: 0.3, 1: 0.4, 2: 0.6, 3: 0.5}
    assert points(chart, "accuracy", "training")[2] == 0.7
    assert points(chart, "loss", "validation")[2] == 0.6
    assert [line.dashed for line in chart.panels["loss"]] == [True, False]
    assert chart.panels["accuracy"][1].bars[0] == (0.25, 0.35)
    assert (chart.name, chart.notes) == ("depth_boxes-4-classes", [])


def test_a_loss_that_is_no_plain_cross_entropy_is_told(depths):
    """Where it is drawn: with label smoothing it never comes near 0."""
    smoothed = replace(depths[2], plain_loss=False)
    (chart,) = depth_charts([*depths[:2], smoothed, *depths[3:]])
    assert chart.notes == [WEIGHED]
    (bare,) = depth_charts([*depths[:2], replace(smoothed, loss=None), *depths[3:]])
    assert bare.notes == []


def test_what_isnt_known_is_no_point(depths):
    bare = replace(depths[0], accuracy=None, loss=None, val_loss=None, val_accuracy=Accuracy(0.3))
    (chart,) = depth_charts([bare, *depths[1:]])
    assert 0 not in points(chart, "accuracy", "training")
    assert 0 not in points(chart, "loss", "validation")
    assert points(chart, "accuracy", "validation")[0] == 0.3
    assert 0 not in chart.panels["accuracy"][1].bars


def test_each_data_has_its_figure_and_no_two_share_a_name(depths):
    """Names that a file can't have, or that are the same when written down, included."""
    names = ("boxes, 4 classes", "boxes; 4 classes", "../../etc", "中文")
    others = [replace(one, data=name, pictures=name) for name in names for one in depths]
    charts = distinct_names(depth_charts(others))
    assert [chart.name for chart in charts] == [
        "depth_boxes-4-classes",
        "depth_boxes-4-classes_2",
        "depth_etc",
        "depth",
    ]


def test_more_series_than_can_be_told_apart_are_counted(depths):
    series = [replace(one, network=f"network{i}") for i in range(MOST_SERIES + 2) for one in depths]
    (chart,) = depth_charts(series)
    assert len(chart.panels["accuracy"]) == 2 * MOST_SERIES
    assert any(note.startswith("Series not drawn") and note.endswith(": 2.") for note in chart.notes)


def test_series_that_differ_in_what_no_label_says_are_numbered(depths):
    """As two draws of one share of the training pictures."""
    other, fewer = ([replace(one, **change) for one in depths] for change in ({"train": "b"}, {"train_pictures": 9}))
    (chart,) = depth_charts([*depths, *other, *(replace(one, train="c") for one in fewer)])
    assert [line.label for line in chart.panels["accuracy"] if not line.dashed] == [
        "tiny, recipe fast, 100 pictures, validation",
        "tiny, recipe fast, 100 pictures (2), validation",
        "tiny, recipe fast, 9 pictures, validation",
    ]


def test_trainings_that_a_better_one_hides_are_counted(depths, training):
    (chart,) = depth_charts([*depths, training(1, 0.01)])
    assert any(note.startswith("Not drawn") and note.endswith(": 1.") for note in chart.notes)


def test_a_learning_curve(training):
    """Against the number of training pictures, on a logarithmic axis; the depth stands in the label."""
    shares = [training(2, 0.1 * n, train=str(n), train_pictures=10**n) for n in (1, 2, 3)]
    (chart,) = learning_charts(shares)
    assert chart.log
    assert chart.panels["accuracy"][1].label == "tiny, recipe fast, 2 blocks, validation"
    assert list(chart.panels["accuracy"][1].points) == [10, 100, 1000]
    assert depth_charts(shares) == []


def test_all_classes_against_their_groups(depths):
    """The control is a third line; where it is missing, that is said with the reason."""
    grouped = [replace(one, data="groups", pictures="g", grouped=True) for one in depths]
    full, groups = by_depth([*depths, *grouped])
    summed = {depth: Accuracy(0.7, 0.6, 0.8) for depth in (0, 1, 2)}
    chart = pair_chart(Pair(full, groups, summed, dict.fromkeys(summed, 0.9), {"no model": 1}))
    control = chart.panels["accuracy"][-1]
    assert "summed" in control.label
    assert dict(control.points) == {0: 0.7, 1: 0.7, 2: 0.7}
    assert control.bars[2] == (0.6, 0.8)
    assert dict(chart.panels["loss"][-1].points) == {0: 0.9, 1: 0.9, 2: 0.9}
    assert "Depths without the control, no model: 1." in chart.notes
    without = pair_chart(Pair(full, groups, {}, {}, {"no model": 4}))
    assert len(without.panels["accuracy"]) == 4
