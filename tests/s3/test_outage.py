"""Pages that show pictures tell those that couldn't be fetched from broken ones."""

import numpy as np
import pytest

from beauty_mlflow.data.checkup.checking import check_data
from beauty_mlflow.data.checkup.page import page
from beauty_mlflow.data.sources import s3_bucket
from beauty_mlflow.data.sources.locations import locate
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators import explorer, gallery
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.progress import silent_progress

OUT = "can't be read: the server answered InternalError"


@pytest.fixture
def evaluated(s3, pictures, local_split, monkeypatch):
    """Predictions on pictures in S3, all wrong; the first object is broken, and the server fails for all but six."""
    monkeypatch.setattr(s3_bucket, "_LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(s3_bucket, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(s3_bucket, "_DOWN_SECONDS", 0)
    uri = s3.upload(pictures)
    paths = sorted(local_split.table["path"])
    s3.put(uri, paths[0], b"no picture")
    true = np.repeat(np.arange(3, dtype=np.int32), 8)
    table = PredictionTable(tuple(paths), true, np.eye(3, dtype=np.float32)[(true + 1) % 3], local_split.classes)
    folder = locate(uri, keeps=False)
    assert folder.is_dir()
    s3.proxy.fault = lambda _, path, __: None if any(one in path for one in paths[:6]) else "InternalError"
    return Evaluated(table, folder, trained_on=True)


def test_the_explorer_says_how_many_and_why(evaluated, tmp_path):
    """Of the others it still says that they are broken."""
    explorer.evaluate(evaluated, tmp_path)
    text = (tmp_path / explorer.FILE).read_text()
    assert "1 of 24 pictures are missing or can't be decoded, so they have no thumbnail." in text
    assert "18 of 24 pictures couldn't be fetched, so they have no thumbnail: 's3://" in text
    assert OUT in text


def test_the_gallery_says_how_many(evaluated, tmp_path, monkeypatch):
    """And writes it in their places."""
    kept = []
    monkeypatch.setattr(gallery, "save_figure", lambda *arguments: kept.append(arguments[0]))
    gallery.evaluate(evaluated, tmp_path)
    texts = [text.get_text() for text in kept[0].texts]
    assert (texts.count(gallery.UNREADABLE), texts.count(gallery.UNFETCHED)) == (1, 10)
    assert "1 of these 16 pictures can't be read any more and stay gray." in texts[0]
    assert "10 of these 16 pictures couldn't be fetched and stay gray." in texts[0]


def test_the_page_of_a_check_up_says_how_many_and_why(s3, pictures, tmp_path, monkeypatch):
    """Its findings are of what was read before."""
    monkeypatch.setattr(s3_bucket, "_LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(s3_bucket, "_FIRST_PAUSE", 0.01)
    monkeypatch.setenv("BEAUTY_CACHE_DIR", str(tmp_path / "file" / "cache"))
    (tmp_path / "file").write_text("no folder, so nothing is kept")
    uri = s3.upload(pictures)
    one, other = sorted(path.relative_to(pictures).as_posix() for path in pictures.rglob("*.jpg"))[:2]
    s3.put(uri, other, (pictures / one).read_bytes())
    checkup = check_data(locate(uri), silent_progress)
    whole = page(checkup, silent_progress)
    assert "couldn't be fetched" not in whole
    s3.proxy.fault = lambda *_: "InternalError"
    text = page(checkup, silent_progress)
    assert f"{whole.count('<img')} pictures aren't shown because they couldn't be fetched again: &#x27;s3://" in text
    assert "<img" not in text
    assert "the server answered InternalError" in text
