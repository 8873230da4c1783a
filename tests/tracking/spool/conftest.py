import pytest
from faulty_proxy import faulty_proxy

from beauty_mlflow.tracking.spool import sender as senders
from beauty_mlflow.tracking.store import connect


@pytest.fixture
def faults(server_uri, monkeypatch, request):
    """The faults of the network between this test and a real server, in an experiment of the test's own."""
    with faulty_proxy(server_uri) as (uri, faults):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", request.node.name)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
        monkeypatch.setattr(senders, "FIRST_PAUSE_SECONDS", 0.05)
        monkeypatch.setattr(senders, "LONGEST_PAUSE_SECONDS", 0.2)
        yield faults
        faults.heal()


@pytest.fixture
def store(faults):
    return connect()
