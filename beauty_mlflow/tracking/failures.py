"""What MLflow and its libraries raise, turned into sentences for the user."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from beauty_mlflow.errors import TrackingError, WorkError
from beauty_mlflow.tracking.redaction import redact

REASON_LENGTH = 500


@contextmanager
def translated(action: str, remedy: str = "") -> Iterator[None]:
    """Turn a tracker's exception into ``Can't <action>: <reason>. <remedy>``, without credentials.

    Raises:
        TrackingError: The store refused, doesn't answer, or doesn't have what was asked for.
        WorkError: A file couldn't be read or written: a full disk, missing permission.
    """
    try:
        yield
    except (MlflowException, SQLAlchemyError, requests.RequestException) as error:
        raise TrackingError(_sentence(action, error, remedy)) from error
    except ModuleNotFoundError as error:
        raise TrackingError(f"Can't {action}: the Python package {error.name} isn't installed. Install it.") from error
    except OSError as error:
        raise WorkError(_sentence(action, error, remedy)) from error


def shorten(text: str, limit: int) -> str:
    """Cut a text to ``limit`` characters, saying how many there were."""
    if len(text) <= limit:
        return text
    note = f" … (cut; {len(text)} characters in all)"
    return text[: limit - len(note)] + note


def _sentence(action: str, error: Exception, remedy: str) -> str:
    reason = " ".join(redact(str(error)).split()) or type(error).__name__
    return f"Can't {action}: {shorten(reason, REASON_LENGTH).rstrip('.')}. {remedy}".rstrip()
