import errno
import os
import sqlite3

import pytest
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
