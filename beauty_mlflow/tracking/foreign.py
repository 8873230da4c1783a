"""Asking a model that this package hasn't logged, through MLflow's pyfunc."""

from collections.abc import Callable, Sequence
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pandas as pd

from beauty_mlflow.errors import ModelError
from beauty_mlflow.tracking.redaction import redact

COLUMN = "image"
LABEL = "label"


def load_foreign(folder: Path, uri: str) -> Callable[[Sequence[bytes]], list[str]]:
    """Return a function from the bytes of picture files to class names.

    The model gets a table with the binary column ``image`` and must answer with a table that has the column ``label``,
    or with one label a picture. Code that came with it is run, here and at each call.

    Args:
        folder: Where it was fetched to.
        uri: What errors call it.

    Raises:
        ModelError: It can't be loaded; or, from the function, it answers with something else.
    """
    try:
        model = mlflow.pyfunc.load_model(str(folder))
    except (Exception, SystemExit) as error:  # a foreign model's own code may raise anything
        raise ModelError(f"The model {uri} can't be loaded: {_reason(error)}.") from error

    def ask(pictures: Sequence[bytes]) -> list[str]:
        try:
            found = model.predict(pd.DataFrame({COLUMN: list(pictures)}))
        except (Exception, SystemExit) as error:
            raise ModelError(f"The model {uri} can't answer for a table of pictures: {_reason(error)}.") from error
        labels = found[LABEL] if isinstance(found, pd.DataFrame) and LABEL in found else found
        answers = list(labels) if isinstance(labels, list | tuple | np.ndarray | pd.Series) else []
        if len(answers) != len(pictures) or not all(isinstance(answer, str) for answer in answers):
            raise ModelError(
                f"The model {uri} answers for {len(pictures)} pictures with {type(found).__name__}; expected a table "
                f"with the column '{LABEL}', or one class name a picture."
            )
        return answers

    return ask


def _reason(error: BaseException) -> str:
    return " ".join(redact(str(error)).split())[:300].rstrip(".") or type(error).__name__
