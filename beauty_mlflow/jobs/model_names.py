"""Parameters that name a model: logged in a run, or registered."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

RUN_ID = re.compile(r"[0-9a-f]{32}")
CHAMPION = "models:/beauty@champion"
_MODEL_URI = re.compile(r"(models|runs):/.+")


def names_model(text: str) -> bool:
    """Return whether a text has the form of what names a model: a run's id, or a URI of a run or of the registry."""
    return bool(RUN_ID.fullmatch(text) or _MODEL_URI.fullmatch(text))


def _model(value: str) -> str:
    if value and not names_model(value):
        message = f"'{value}' names no model; expected a run id (32 hex digits), or a models:/ or runs:/ URI"
        raise ValueError(message)
    return value


def _registered(value: str) -> str:
    if not value.isprintable() or any(sign in value for sign in "/:@'\"`"):
        message = f"{value!r} can't be a registered model's name; expected text on one line, without / : @ and quotes"
        raise ValueError(message)
    return value


ModelName = Annotated[str, AfterValidator(_model)]
RegisteredName = Annotated[str, Field(min_length=1, max_length=250), AfterValidator(_registered)]
