"""What may be stored in a tracker, checked before it is sent: MLflow itself would cut or change it silently."""

import math
import shlex
from collections.abc import Mapping

from beauty_mlflow.errors import TrackingError, WorkError
from beauty_mlflow.tracking.redaction import redact

PARAMETER_LENGTH = 6000
TAG_LENGTH = 8000


def check_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics as floats.

    Raises:
        WorkError: A value is nan or infinite; MLflow would store infinity as 1.8e308.
    """
    values = {name: float(value) for name, value in metrics.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            raise WorkError(f"The metric {name} is {value}, which is not stored: a figure must be a finite number.")
    return values


def check_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags without credentials.

    Raises:
        TrackingError: One is longer than MLflow's 8000 characters.
    """
    redacted = {name: redact(str(value)) for name, value in tags.items()}
    for name, value in redacted.items():
        _check_length("tag", name, value, TAG_LENGTH)
    return redacted


def new_parameters(given: Mapping[str, str], stored: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that aren't stored yet, without credentials.

    `mlflow run` has stored the project's parameters already, quoted for the shell; the same value in quotes, or the
    same number written otherwise, is no contradiction.

    Raises:
        TrackingError: One is longer than MLflow's 6000 characters, or is stored with another value.
    """
    redacted = {name: redact(str(value)) for name, value in given.items()}
    for name, value in redacted.items():
        _check_length("parameter", name, value, PARAMETER_LENGTH)
        if name in stored and not _same(redact(stored[name]), value):
            raise TrackingError(
                f"The run has the parameter {name}={redact(stored[name])}, which can't become {value}: "
                "a run's parameters don't change. Start a new run for another value."
            )
    return {name: value for name, value in redacted.items() if name not in stored}


def about_credentials(run_id: str, stored: Mapping[str, str]) -> str:
    """Return what to do where `mlflow run` has stored a parameter with a password; empty where it hasn't."""
    for name, value in stored.items():
        if redact(value) != value:
            return (
                f"`mlflow run` has stored the password in the parameter {name} of the run {run_id}, for everyone who "
                "may read that, and MLflow's parameters can't be changed. Change the password, and remove the run for "
                f"good: mlflow runs delete --run-id {run_id} and mlflow gc. Then give {name} without it (~/.pgpass "
                "holds those of PostgreSQL), or use `beauty` instead of `mlflow run`: it stores *** in its place."
            )
    return ""


def _check_length(kind: str, name: str, value: str, limit: int) -> None:
    if len(value) > limit:
        raise TrackingError(
            f"The {kind} {name} has {len(value)} characters; the tracker takes {limit}. Give a shorter value, such as "
            "the path of a file that holds it."
        )


def _same(stored: str, value: str) -> bool:
    return stored in (value, shlex.quote(value)) or _same_number(stored, value)


def _same_number(stored: str, value: str) -> bool:
    try:
        return float(stored) == float(value)
    except ValueError:
        return False
