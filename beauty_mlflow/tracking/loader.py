"""The loader module that a logged model names: MLflow calls ``_load_pyfunc`` and then ``predict``.

It travels with the model, so it imports nothing but MLflow and the serving code.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from mlflow.exceptions import MlflowException

from beauty_mlflow.errors import InputError
from beauty_mlflow.serving import pyfunc


class LoadedClassifier(pyfunc.PyfuncClassifier):
    """A classifier whose errors are MLflow's own, which its server answers as a sentence instead of a stack trace."""

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, object] | None = None) -> pd.DataFrame:
        """Answer for each row; see PyfuncClassifier.predict.

        Raises:
            MlflowException: The input or a parameter can't be used (HTTP status 400).
        """
        try:
            return super().predict(model_input, params)
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error


def _load_pyfunc(path: str) -> LoadedClassifier:
    return LoadedClassifier(pyfunc.load_classifier(Path(path)))
