"""Everything that is written about one table of predictions."""

from pathlib import Path

from beauty_mlflow.evaluation.evaluators import find_evaluators
from beauty_mlflow.evaluation.predictions import PredictionTable


def write_evaluation(table: PredictionTable, folder: Path) -> None:
    """Let every evaluator write its files into the folder, which is made if it isn't there."""
    folder.mkdir(parents=True, exist_ok=True)
    for evaluate in find_evaluators().values():
        evaluate(table, folder)
