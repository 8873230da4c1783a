"""The answers of a server that knows its users, in words: who are you (401), and you may not (403)."""

from http import HTTPStatus

import requests
from mlflow.exceptions import MlflowException
from mlflow.utils.credentials import read_mlflow_creds

NAME, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
DENIED = "Permission denied"  # what MLflow's own authentication answers; other 403s have other reasons


def refusal(error: Exception) -> tuple[str, str] | None:
    """Return why a server refused a user and what to do about it; None where the error is another one."""
    status = _status(error)
    if status == HTTPStatus.UNAUTHORIZED:
        return _unknown()
    if status == HTTPStatus.FORBIDDEN and DENIED in str(error):
        return f"the server doesn't allow it to {_user() or 'users without a name'}", (
            "Ask whoever looks after the server for the permission, or work in an experiment (MLFLOW_EXPERIMENT_NAME) "
            "and with a registered model of your own."
        )
    return None


def _unknown() -> tuple[str, str]:
    name, password = read_mlflow_creds()
    missing = [variable for variable, value in ((NAME, name), (PASSWORD, password)) if not value]
    if missing:
        return "the server wants a user's name and password", f"Set {' and '.join(missing)}."
    return f"the server doesn't know {_user()}, or the password is another one", f"Correct {NAME} and {PASSWORD}."


def _user() -> str:
    name = read_mlflow_creds().username
    return f"the user '{name}'" if name else ""


def _status(error: Exception) -> int:
    if isinstance(error, MlflowException):
        return int(error.get_http_status_code())
    answer = error.response if isinstance(error, requests.RequestException) else None
    return 0 if answer is None else answer.status_code
