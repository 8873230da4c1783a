"""What earlier evaluations of a training's model have left: its answers for a part of a split."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.splits.manifest import Split
from beauty_mlflow.errors import DataError, MissingError
from beauty_mlflow.evaluation.evaluators.predictions import FILE, read_predictions
from beauty_mlflow.evaluation.predictions import BEST, PredictionTable
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.finding import experiments, find_runs
from beauty_mlflow.tracking.models import download
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store


def tables_of(store: Store, training: Run, split: Split, part: str) -> Iterator[tuple[Run, pd.DataFrame]]:
    """Yield the tables of predictions of a training's model for a part of this very split, and the runs that hold them.

    Runs without one, or whose table is damaged, are passed over.

    Raises:
        TrackingError: The store refuses or doesn't answer.
    """
    for run in _measured(store, training, split):
        table = _read(run, part)
        if table is not None:
            yield run, table


def as_predictions(table: pd.DataFrame, pictures: Pictures) -> PredictionTable | None:
    """Return what a logged table says about these very pictures, in their order; None where they are others.

    It holds the best five classes of each picture, so the probabilities of the rest are 0.
    """
    labels = {name: label for label, name in enumerate(pictures.classes)}
    places = range(1, min(BEST, len(labels)) + 1)
    if not {f"top{place}_probability" for place in places} <= set(table.columns):
        return None
    if set(table["path"]) != set(pictures.paths) or len(table) != len(pictures.paths):
        return None
    rows = table.set_index("path").loc[list(pictures.paths)]
    if [labels.get(name) for name in rows["true"]] != pictures.labels.tolist():
        return None
    probabilities = np.zeros((len(rows), len(labels)), np.float32)
    for place in places:
        guesses: Sequence[str] = rows[f"top{place}"].tolist()
        if not labels.keys() >= set(guesses):
            return None
        probabilities[np.arange(len(rows)), [labels[name] for name in guesses]] = rows[f"top{place}_probability"]
    return PredictionTable(pictures.paths, pictures.labels, probabilities, pictures.classes)


def _measured(store: Store, training: Run, split: Split) -> Iterator[Run]:
    if training.tags.get(names.FINGERPRINT) == split.fingerprint:
        yield training
    tags = {names.EVALUATES: training.run_id, names.FINGERPRINT: split.fingerprint}
    for found in find_runs(store, experiments(store), tags, "attributes.status = 'FINISHED'"):
        yield Run(store, found.info.run_id)


def _read(run: Run, part: str) -> pd.DataFrame | None:
    with TemporaryDirectory() as folder:
        try:
            return read_predictions(download(run, f"{names.EVALUATION_FOLDER}/{part}/{FILE}", Path(folder)))
        except (MissingError, DataError):  # there is none, or it is damaged: the model is asked
            return None
