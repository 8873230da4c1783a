"""A classifier as MLflow calls it.

The request over HTTP is a table with one binary column, base64 in JSON:
``{"dataframe_split": {"columns": ["image"], "data": [["<base64>"]]}}``.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd

from beauty_mlflow.errors import DataError, ParameterError, did_you_mean
from beauty_mlflow.serving.answers import Answer
from beauty_mlflow.serving.classifier import Classifier
from beauty_mlflow.serving.versions import find_model_version

COLUMN = "image"
ANSWER_COLUMNS = tuple(field.name for field in fields(Answer))
TOP = 5

_COLUMNS = pd.Index(ANSWER_COLUMNS)
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]+")
_BEGINNING = 64  # bytes


class PyfuncClassifier:
    """A classifier as MLflow calls it: a table of pictures in, a table of answers out."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, object] | None = None) -> pd.DataFrame:
        """Answer for each row.

        Args:
            model_input: Column `image` holds the bytes of picture files, or those bytes as base64; other columns
                don't matter.
            params: `top`, how many classes an answer gives (5).

        Returns:
            One row for each of the input's, with its index, and the columns label, probability, top (a list
            of {label, probability}, best first), abstained, error (None where fine) and model_version. A row
            with an error has None for label and probability, so that the table becomes valid JSON.

        Raises:
            DataError: The input is no table with a column `image`.
            ParameterError: An unknown parameter, or a `top` that is no whole number above 0.
        """
        if not isinstance(model_input, pd.DataFrame) or COLUMN not in model_input.columns:
            raise DataError(
                f"Expected a table with the column '{COLUMN}' that holds the bytes of picture files, got "
                f"{_describe(model_input)}."
            )
        pictures = [_without_base64(cell) for cell in model_input[COLUMN].tolist()]
        answers = self.classifier.classify(pictures, _read_top(params or {}))
        cells = np.empty((len(answers), len(ANSWER_COLUMNS)), object)  # a Series a column takes four times as long
        for row, answer in zip(cells, answers, strict=True):
            for column, name in enumerate(ANSWER_COLUMNS):
                row[column] = getattr(answer, name)
        return pd.DataFrame(cells, model_input.index, _COLUMNS, dtype=object)

    def get_raw_model(self) -> Classifier:
        """Return the classifier: what PyFuncModel.get_raw_model gives."""
        return self.classifier


def load_classifier(folder: Path) -> Classifier:
    """Load the package folder of a logged model; its answers say which model it is.

    The network runs once, so that the first answer comes as quickly as the others.

    Raises:
        ModelError: As Classifier.load.
    """
    classifier = Classifier.load(folder, model_version=find_model_version(folder))
    size = classifier.description.image_size
    classifier.probabilities(np.zeros((1, size, size, 3), np.uint8))
    return classifier


def _load_pyfunc(path: str) -> PyfuncClassifier:
    # models that were logged before tracking.loader was written name this module
    return PyfuncClassifier(load_classifier(Path(path)))


def _without_base64(cell: object) -> object:
    """Decode base64 that MLflow has left as it was: it decodes tables, but neither `inputs`, `instances` nor CSV.

    No picture's file is base64 by accident: each format that we read has a zero byte or one above 127 near its start.
    """
    text = cell.encode("utf-8", "replace") if isinstance(cell, str) else cell
    if not isinstance(text, bytes) or not _BASE64.fullmatch(text[:_BEGINNING]):
        return cell
    try:
        return base64.b64decode(text)
    except ValueError:
        return cell


def _read_top(params: Mapping[str, object]) -> int:
    unknown = [name for name in params if name != "top"]
    if unknown:
        raise ParameterError(f"Unknown parameter '{unknown[0]}'; known: top.{did_you_mean(unknown[0], ['top'])}")
    top = params.get("top", TOP)
    try:
        return int(str(top))  # NumPy's integers come too
    except ValueError:
        raise ParameterError(f"top must be a whole number above 0, got {top!r}.") from None


def _describe(value: object) -> str:
    if isinstance(value, pd.DataFrame):
        return f"the columns {', '.join(map(str, value.columns)) or '(none)'}"
    return f"a {type(value).__name__}"
