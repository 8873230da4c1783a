import pytest
from PIL import Image

from beauty_mlflow.evaluation.coverage import coverage_curve
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators import coverage_figure
from beauty_mlflow.evaluation.evaluators.coverage_figure import FILE, MARKED, evaluate


@pytest.fixture
def drawn(monkeypatch):
    """Figures in place of files."""
    kept = []
    monkeypatch.setattr(coverage_figure, "save_figure", lambda *arguments: kept.append(arguments[0]))
    return kept


def test_the_figure_shows_accuracy_over_coverage(tmp_path, drawn, make_table):
    table = make_table(n=60)
    evaluate(Evaluated(table), tmp_path)
    curve = coverage_curve(table)
    line, *dots = drawn[0].axes[0].lines
    assert list(line.get_xdata()) == list(curve.coverage)
    assert list(line.get_ydata()) == list(curve.precision)
    written = [name for text in drawn[0].axes[0].texts for name in text.get_text().split(", ")]
    assert written == [f"{t:g}" for t in MARKED if curve.at(t).number]
    assert len(dots) == len(drawn[0].axes[0].texts)


def test_a_single_picture_can_be_drawn(tmp_path, make_table):
    evaluate(Evaluated(make_table(n=1)), tmp_path)
    with Image.open(tmp_path / FILE) as picture:
        assert picture.size == (700, 500)
