import pandas as pd
import pytest
from PIL import Image

from beauty_mlflow.evaluation.coverage import coverage_curve
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators import coverage
from beauty_mlflow.evaluation.evaluators.coverage import FIGURE, TABLE, evaluate


@pytest.fixture
def drawn(monkeypatch):
    """Figures in place of files."""
    kept = []
    monkeypatch.setattr(coverage, "save_figure", lambda *arguments: kept.append(arguments[0]))
    return kept


def test_the_table_has_a_row_a_hundredth(tmp_path, make_table):
    table = make_table(n=60)
    evaluate(Evaluated(table), tmp_path)
    frame = pd.read_csv(tmp_path / TABLE)
    confidence, right = table.probabilities.max(axis=1), table.predicted == table.true
    assert frame["threshold"].tolist() == [step / 100 for step in range(101)]
    for row in frame.itertuples():
        kept = confidence >= row.threshold
        assert row.answered == kept.sum()
        assert row.coverage == pytest.approx(kept.mean(), abs=1e-6)
        if kept.any():
            assert row.accuracy == pytest.approx(right[kept].mean(), abs=1e-6)
        else:
            assert pd.isna(row.accuracy)
    assert frame["answered"][0] == 60
    assert frame["accuracy"][0] == pytest.approx(right.mean(), abs=1e-6)


def test_the_figure_shows_accuracy_over_coverage(tmp_path, drawn, make_table):
    table = make_table(n=60)
    evaluate(Evaluated(table), tmp_path)
    curve = coverage_curve(table)
    line, *dots = drawn[0].axes[0].lines
    assert list(line.get_xdata()) == list(curve.coverage)
    assert list(line.get_ydata()) == list(curve.precision)
    written = [name for text in drawn[0].axes[0].texts for name in text.get_text().split(", ")]
    assert written == [f"{t:g}" for t in coverage.MARKED if curve.at(t).number]
    assert len(dots) == len(drawn[0].axes[0].texts)


def test_a_single_picture_can_be_drawn(tmp_path, make_table):
    evaluate(Evaluated(make_table(n=1)), tmp_path)
    with Image.open(tmp_path / FIGURE) as picture:
        assert picture.size == (700, 500)
