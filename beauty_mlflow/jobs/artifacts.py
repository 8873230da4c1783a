"""What more than one job logs, each under the name that others rely on."""

import tempfile
from pathlib import Path

from beauty_mlflow.data.splits import Split, write_split
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.evaluation.report import write_evaluation
from beauty_mlflow.tracking.runs import Run


def log_split(run: Run, split: Split) -> None:
    """Log ``split/manifest.csv`` and ``split/manifest.json``."""
    with tempfile.TemporaryDirectory() as folder:
        write_split(split, Path(folder) / "manifest.csv")
        run.log_folder(Path(folder), "split")


def log_evaluation(run: Run, table: PredictionTable, part: str) -> None:
    """Log matrix, report and predictions of one part under ``evaluation/<part>/``."""
    with tempfile.TemporaryDirectory() as folder:
        write_evaluation(table, Path(folder))
        run.log_folder(Path(folder), f"evaluation/{part}")
