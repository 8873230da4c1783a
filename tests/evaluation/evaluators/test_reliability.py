from PIL import Image

from beauty_mlflow.evaluation import figures
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators.reliability import FILE, evaluate
from beauty_mlflow.evaluation.reliability import bin_by_confidence


def test_the_tables_bins_are_shown(monkeypatch, tmp_path, make_table):
    kept = []
    monkeypatch.setattr(figures, "save_figure", lambda *arguments: kept.append(arguments[0]))
    table = make_table(n=80)
    evaluate(Evaluated(table), tmp_path)
    upper, lower = kept[0].axes
    error = bin_by_confidence(table).expected_calibration_error
    assert upper.get_title() == f"80 pictures: calibration error {error:.3f}"
    assert [bar.get_height() for bar in lower.patches] == bin_by_confidence(table).pictures.tolist()


def test_it_is_a_picture(tmp_path, make_table):
    evaluate(Evaluated(make_table(n=5)), tmp_path)
    with Image.open(tmp_path / FILE) as picture:
        assert picture.size == (550, 650)
