import os

import pytest

from beauty_mlflow.errors import TrackingError
from beauty_mlflow.tracking.looking import look
from beauty_mlflow.tracking.store import connect


def test_a_store_that_isnt_there_is_none_and_isnt_made(tmp_path, monkeypatch):
    """Neither an SQLite file nor a folder of files."""
    for uri in (f"sqlite:///{tmp_path}/new/mlflow.db", (tmp_path / "files").as_uri()):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert look() is None
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_nothing_is_made_in_a_store_that_is_there(local_store):
    """No experiment of ours."""
    found = look()
    assert [one.name for one in found.client.search_experiments()] == ["Default"]


def test_it_is_the_store_that_runs_go_to(store_uri):
    """Each kind of it."""
    made = connect()
    found = look()
    assert found.uri == made.uri
    assert made.experiment in [one.name for one in found.client.search_experiments()]


def test_a_server_that_is_down_is_an_error(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(TrackingError, match=r"The tracking server http://127.0.0.1:9 can't be reached"):
        look()
