from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from beauty_mlflow.evaluation.comparison import pictures
from beauty_mlflow.evaluation.comparison.charts import depth_charts, learning_charts
from beauty_mlflow.evaluation.comparison.compared import Accuracy
from beauty_mlflow.evaluation.comparison.pictures import COLOURS, draw_chart


def coloured(path, colour):
    """Count the pixels of a colour."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return int((np.abs(pixels - wanted).max(axis=2) < 8).sum())


def test_every_series_is_drawn_in_its_colour(depths, tmp_path):
    others = [replace(one, network="another", val_accuracy=Accuracy(0.1), accuracy=0.05) for one in depths]
    (chart,) = depth_charts([*depths, *others])
    draw_chart(chart, tmp_path / "chart.png")
    with Image.open(tmp_path / "chart.png") as picture:
        assert picture.size == (1100, 520)
    assert all(coloured(tmp_path / "chart.png", colour) > 200 for colour in COLOURS[:2])
    assert coloured(tmp_path / "chart.png", COLOURS[2]) == 0
    assert (tmp_path / "chart.png").stat().st_size < 200_000


def test_the_notes_stand_below_the_figure(training, depths, tmp_path, monkeypatch):
    """All of them, whole, under the legend; the panels are as large as without."""
    kept = []
    monkeypatch.setattr(pictures, "save_figure", lambda figure, _: kept.append(figure))
    (plain,), (noted,) = depth_charts(depths), depth_charts([*depths, training(2, 0.2)])
    long = f"Depths without the control, {'a reason of many words ' * 5}: 2."
    for chart in (plain, replace(noted, notes=[*noted.notes, long])):
        draw_chart(chart, tmp_path / "chart.png")
    for figure in kept:
        figure.draw_without_rendering()
        figure.draw_without_rendering()
    (above, below) = kept[1].subfigs
    text, legend = below.texts[0].get_window_extent(), above.legends[0].get_window_extent()
    said = " ".join(below.texts[0].get_text().split())
    assert said == f"{noted.notes[0]} {' '.join(long.split())}"
    assert "Not drawn, as another training at the same place" in said
    assert (text.x0, text.y0) >= (0, 0)
    assert text.x1 <= kept[1].bbox.width
    assert text.y1 <= legend.y0
    heights = [figure.axes[0].get_window_extent().height for figure in kept]
    assert heights[0] == pytest.approx(heights[1], abs=10)


def test_a_logarithmic_axis(training, tmp_path):
    (chart,) = learning_charts([training(2, 0.1 * n, train_pictures=37 * 3**n) for n in range(1, 6)])
    draw_chart(chart, tmp_path / "chart.png")
    assert coloured(tmp_path / "chart.png", COLOURS[0]) > 200


@pytest.mark.filterwarnings("error")
def test_names_that_nobody_should_choose(depths, tmp_path, hostile_names):
    """No formula between dollar signs, no missing glyph, nothing cut off the figure."""
    named = [replace(one, data=name, pictures=name, network=name) for name in hostile_names for one in depths]
    for number, chart in enumerate(depth_charts(named)):
        draw_chart(chart, tmp_path / f"{number}.png")
    assert len(list(tmp_path.iterdir())) == len(hostile_names)
