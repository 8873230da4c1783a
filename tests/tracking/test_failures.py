import errno
import os
import sqlite3

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from sqlalchemy.exc import OperationalError

from beauty_mlflow.errors import UnreachableError, WorkError
from beauty_mlflow.tracking.failures import translated
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("INSERT INTO runs", {"secret": "value"}, sqlite3.OperationalError("database or disk is full")),
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/store/mlruns/some.png"),
    ],
    ids=["database", "artifact"],
)
def test_a_full_disk_says_what_to_do(error):
    """The statement and its values aren't repeated."""
    with (
        pytest.raises((UnreachableError, WorkError), match=r"^Can't log it: .*Make room, and run the same") as caught,
        translated("log it"),
    ):
        raise error
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("kind", [ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError])
def test_s3_that_doesnt_answer_may_do_so_later(kind):
    """Whichever of boto3's errors says so: some are OSErrors, some aren't."""
    with pytest.raises(UnreachableError, match=r"^Can't log it: the server doesn't answer"), translated("log it"):
        raise kind(endpoint_url="http://s3")


def test_a_store_whose_connections_are_all_taken_may_have_one_later(sqlite_uri, monkeypatch):
    """MLflow calls it a bad request; a write takes two at once."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_uri)
    monkeypatch.delenv("MLFLOW_SQLALCHEMYSTORE_POOLCLASS")
    for limit in ("POOL_SIZE", "MAX_OVERFLOW"):
        monkeypatch.setenv(f"MLFLOW_SQLALCHEMYSTORE_{limit}", "1")
    store = connect()
    engine = store.client._tracking_client.store.engine
    monkeypatch.setattr(engine.pool, "_timeout", 0.1)
    Run.create(store, "a run")
    said = "more is asked at once than the store has connections to its database. It may succeed later. For good: start"
    with engine.connect(), pytest.raises(UnreachableError, match=said):
        Run.create(store, "another run")
