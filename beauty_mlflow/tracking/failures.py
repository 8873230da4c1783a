"""What MLflow and its libraries raise, turned into sentences for the user."""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import requests
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from beauty_mlflow.errors import MissingError, TrackingError, UnreachableError, WorkError
from beauty_mlflow.shortages import MAKE_ROOM, is_full_disk
from beauty_mlflow.tracking.redaction import redact
from beauty_mlflow.tracking.refusals import refusal

REASON_LENGTH = 500
_STATEMENT = " [SQL: "  # what follows in a database's error: the statement and its values
# MLflow's word for whatever has none of its own, a connection that fails among it, is INTERNAL_ERROR
_TEMPORARY_CODES = frozenset(
    {
        "ABORTED",
        "CANCELLED",
        "DEADLINE_EXCEEDED",
        "INTERNAL_ERROR",
        "REQUEST_LIMIT_EXCEEDED",
        "RESOURCE_EXHAUSTED",
        "TEMPORARILY_UNAVAILABLE",
    }
)
_TEMPORARY_STATUSES = frozenset({408, 425, 429, *range(500, 600)})
_NO_CONNECTION = "QueuePool limit of size"  # SQLAlchemy's words, which MLflow calls a bad request
_NO_OBJECT = frozenset({"404", "NoSuchKey"})  # S3's words
_NO_ALIAS = re.compile(r"Registered model alias .* not found")  # which MLflow calls an invalid value

# prints a traceback of what is raised anyway, and said here in a sentence
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


@contextmanager
def translated(action: str, remedy: str = "") -> Iterator[None]:
    """Turn a tracker's exception into ``Can't <action>: <reason>. <remedy>``, without credentials.

    Raises:
        UnreachableError: The store doesn't answer, or can't for now: the same may succeed later.
        MissingError: The store doesn't have what was asked for.
        TrackingError: The store refused.
        WorkError: A file couldn't be read or written: a full disk, missing permission.
    """
    try:
        yield
    except (MlflowException, SQLAlchemyError, requests.RequestException) as error:
        raise _kind(error)(_sentence(action, error, remedy)) from error
    except ModuleNotFoundError as error:
        raise TrackingError(f"Can't {action}: the Python package {error.name} isn't installed. Install it.") from error
    except OSError as error:  # some of boto3's are such as well
        kind = _kind(error) if _of_s3(error) else WorkError
        raise kind(_sentence(action, error, remedy)) from error
    except Exception as error:
        if _of_s3(error) is None:
            raise
        raise _kind(error)(_sentence(action, error, remedy)) from error


def is_temporary(error: BaseException) -> bool:
    """Return whether what a tracker's library raised may be otherwise in a while."""
    match error:
        case UnreachableError():
            return True
        case requests.HTTPError() if error.response is not None:
            return error.response.status_code in _TEMPORARY_STATUSES
        case requests.RequestException() | OperationalError():
            return True
        case MlflowException():
            return error.error_code in _TEMPORARY_CODES or _NO_CONNECTION in str(error)
        case _ if said := _of_s3(error):
            return bool(_s3_errors().is_transient(said))
        case _:
            return False


def is_missing(error: BaseException) -> bool:
    """Return whether the store said that it doesn't have what was asked for."""
    if said := _of_s3(error):
        return _s3_errors().code_of(said) in _NO_OBJECT
    if not isinstance(error, MlflowException):
        return False
    return bool(error.error_code == "RESOURCE_DOES_NOT_EXIST" or _NO_ALIAS.search(str(error)))


def shorten(text: str, limit: int) -> str:
    """Cut a text to ``limit`` characters, saying how many there were."""
    if len(text) <= limit:
        return text
    note = f" … (cut; {len(text)} characters in all)"
    return text[: limit - len(note)] + note


def _kind(error: Exception) -> type[TrackingError]:
    if is_missing(error):
        return MissingError
    return UnreachableError if is_temporary(error) else TrackingError


def _sentence(action: str, error: Exception, remedy: str) -> str:
    if from_s3 := _of_s3(error):
        return f"Can't {action}: {_s3_errors().reason_of(from_s3)}. {remedy}".rstrip()
    said = " ".join(redact(str(error)).split()).partition(_STATEMENT)[0]
    reason = said or type(error).__name__
    reason, remedy = refusal(error) or _no_connection(error) or (reason, MAKE_ROOM if is_full_disk(error) else remedy)
    return f"Can't {action}: {shorten(reason, REASON_LENGTH).rstrip('.')}. {remedy}".rstrip()


def _no_connection(error: Exception) -> tuple[str, str] | None:
    if _NO_CONNECTION not in str(error):
        return None
    return "more is asked at once than the store has connections to its database", (
        "It may succeed later. For good: start `mlflow server` with MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW=60."
    )


def _of_s3(error: BaseException) -> Exception | None:
    """Return what boto3 has raised, where artifacts lie in S3 without a server between; None for any other error."""
    if "botocore" not in sys.modules:
        return None
    from boto3.exceptions import Boto3Error  # type: ignore[import-untyped]
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

    if isinstance(error, Boto3Error):  # a sentence of its own round what it was
        error = error.__cause__ or error.__context__ or error
    return error if isinstance(error, BotoCoreError | ClientError) else None


def _s3_errors() -> ModuleType:
    from beauty_mlflow.data.sources import s3_errors

    return s3_errors
