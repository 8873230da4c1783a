"""What more than one job logs, each under the name that others rely on."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from beauty_mlflow.data.splits.manifest import Split, write_split
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.report import write_evaluation
from beauty_mlflow.jobs.opening import say_notes
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.datasets import Dataset
from beauty_mlflow.tracking.runs import Run


def log_split(run: Run, split: Split) -> None:
    """Log ``split/manifest.csv`` and ``split/manifest.json``."""
    with tempfile.TemporaryDirectory() as folder:
        write_split(split, Path(folder) / Path(names.MANIFEST).name)
        run.log_folder(Path(folder), names.SPLIT_FOLDER)


def log_evaluation(run: Run, evaluated: Evaluated, part: str, *, figures: bool = True) -> None:
    """Log what the evaluators write of one part under ``evaluation/<part>/``, as ``write_evaluation``; print the notes.

    The table's probabilities are those that the model serves.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_evaluation(evaluated, Path(folder), figures=figures)
        run.log_folder(Path(folder), f"{names.EVALUATION_FOLDER}/{part}")
    if evaluated.data is not None:  # else corrections.csv isn't written
        say_notes(evaluated.notes)


def dataset(split: Split, part: str, data_name: str) -> Dataset:
    """Return one part of a split, as the tracker lists it."""
    rows = split.rows(part)
    return Dataset(
        name=f"{data_name}/{part}",
        digest=split.digest(part),
        context=part,
        source=str(split.folder),
        pictures=len(rows),
        classes=rows["class"].nunique(),
    )


def accuracy_line(figures: Mapping[str, float]) -> str:
    """Return an accuracy with its interval, for a summary."""
    return f"{figures['accuracy']:.4f} (95 %: {figures['accuracy_low']:.4f} to {figures['accuracy_high']:.4f})"
