import errno
import os
import sqlite3

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from sqlalchemy.exc import OperationalError

from beauty_mlflow.errors import UnreachableError, WorkError
from beauty_mlflow.tracking.failures import translated


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
