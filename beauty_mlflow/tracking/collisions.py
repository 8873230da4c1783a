"""What a store refuses because another process writes the same at the same moment. Asked again, it finds that."""

import time
from collections.abc import Callable
from typing import TypeVar

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from sqlalchemy.exc import SQLAlchemyError

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0  # seconds
_IN_DATABASES = (
    "UNIQUE constraint failed",  # SQLite
    "UniqueViolation",  # PostgreSQL
    "Duplicate entry",  # MySQL
    "already exists",  # tables, and their columns, as they are made
    "duplicate column name",
)
_IN_MIGRATIONS = "Online migration expected to match one row"
_IN_FILES = ("exists as", "No data found")  # a dataset, and a metric whose first line isn't written yet

Result = TypeVar("Result")


def despite_others(call: Callable[[], Result], *, patience: float = 5.0) -> Result:
    """Return what a call to MLflow returns; where it met another process's, it is made again.

    Args:
        call: May be made several times.
        patience: Seconds after which it is made for the last time.
    """
    until, pause = time.monotonic() + patience, _FIRST_PAUSE
    while time.monotonic() < until:
        try:
            return call()
        except Exception as error:
            if not is_collision(error):
                raise
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    return call()


def is_collision(error: BaseException) -> bool:
    """Return whether a call failed because another process made the same thing at the same moment."""
    if isinstance(error, MlflowException | SQLAlchemyError):
        there = getattr(error, "error_code", "") == ErrorCode.Name(RESOURCE_ALREADY_EXISTS)
        return not there and any(words in str(error) for words in _IN_DATABASES)
    if type(error).__module__.startswith("alembic"):  # which makes the tables
        return _IN_MIGRATIONS in str(error)
    # a file store has no words of its own for it
    return type(error) in (Exception, ValueError) and any(words in str(error) for words in _IN_FILES)
