import numpy as np
import pytest
from PIL import Image

from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators import gallery
from beauty_mlflow.evaluation.evaluators.gallery import FILE, evaluate
from beauty_mlflow.evaluation.predictions import PredictionTable


@pytest.fixture
def drawn(monkeypatch):
    """Figures in place of files."""
    kept = []
    monkeypatch.setattr(gallery, "save_figure", lambda *arguments: kept.append(arguments[0]))
    return kept


@pytest.fixture
def pictures(make_pictures):
    return make_pictures(classes=("cat", "dog"), each=20)


@pytest.fixture
def table(pictures):
    """All rightly recognized but for one that is surely of the other class; one is torn, one hard."""
    rows = np.full((40, 2), 0.05, np.float32)
    rows[np.arange(40), pictures.labels] = 0.95
    rows[3] = [0.01, 0.99]
    rows[21] = [0.72, 0.28]
    rows[30] = [0.45, 0.55]
    return PredictionTable(pictures.paths, pictures.labels, rows, pictures.classes)


def texts(figure):
    return [text.get_text() for text in figure.texts]


def captions(figure):
    return [text for text in texts(figure) if text[:1].isdigit() and ". " in text[:4]]


def test_each_kind_has_its_pictures_with_captions(drawn, table, pictures, tmp_path):
    evaluate(Evaluated(table, pictures.folder), tmp_path)
    lines = texts(drawn[0])
    assert lines[0].startswith("40 pictures, accuracy 0.950\n")
    assert captions(drawn[0]) == ["1. cat", "1. dog", "1. dog"]
    after = lines.index("1. cat")
    assert lines[after + 1 : after + 4] == ["→ 0.99 dog", "own class 0.010", "3.png"]
    assert lines[-3:] == ["→ 0.55 dog", "or 0.45 cat", "30.png"]


def test_thumbnails_are_the_pictures_themselves(table, pictures, tmp_path):
    """The first is plain red-and-blue of its class, with white above and below because it is twice as wide as high."""
    evaluate(Evaluated(table, pictures.folder), tmp_path)
    with Image.open(tmp_path / FILE) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    tile = pixels[gallery.TITLE + gallery.HEADING :][: gallery.SIDE, gallery.MARGIN : gallery.MARGIN + gallery.SIDE]
    assert tile[gallery.SIDE // 2, gallery.SIDE // 2].tolist() == [0, 60, 200]
    assert tile[5, gallery.SIDE // 2].tolist() == [255, 255, 255]


def test_pictures_that_are_gone_are_counted(drawn, table, pictures, tmp_path):
    (pictures.folder / table.paths[3]).write_bytes(b"no picture")
    (pictures.folder / table.paths[30]).unlink()
    evaluate(Evaluated(table, pictures.folder), tmp_path)
    assert "2 of these 3 pictures can't be read any more" in texts(drawn[0])[0]
    assert texts(drawn[0]).count("can't be read any more") == 2


def test_training_pictures_are_not_called_mislabelled(drawn, table, pictures, tmp_path):
    evaluate(Evaluated(table, pictures.folder, trained_on=True), tmp_path)
    assert [line for line in texts(drawn[0]) if "not looked for, because the model was trained on" in line]
    assert captions(drawn[0]) == ["1. cat", "2. dog", "1. dog"]


def test_the_surest_fit_on_the_sheet_and_the_rest_is_counted(drawn, make_table, tmp_path):
    evaluate(Evaluated(make_table(classes=8, n=1000), tmp_path), tmp_path)
    assert captions(drawn[0])[15].startswith("16. ")
    assert len(captions(drawn[0])) == 48
    assert [line for line in texts(drawn[0]) if line.startswith("Hardest") and "(16 of 100 in suspects.csv)" in line]


def test_nothing_found_is_said(drawn, tmp_path):
    table = PredictionTable(("a", "b"), np.array([0, 1], np.int32), np.eye(2, dtype=np.float32), ("a", "b"))
    evaluate(Evaluated(table, tmp_path), tmp_path)
    assert sum(line.endswith(": none") for line in texts(drawn[0])) == 3


@pytest.mark.parametrize("classes", [("only",), ("a", "b")])
def test_one_picture(classes, make_table, tmp_path):
    evaluate(Evaluated(make_table(classes=classes, n=1), tmp_path), tmp_path)
    assert (tmp_path / FILE).stat().st_size > 0
