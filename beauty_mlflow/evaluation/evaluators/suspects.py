"""suspects.csv and corrections.csv: the pictures worth a look, and what could be done about those in a wrong class."""

from pathlib import Path

import numpy as np

from beauty_mlflow.data.safe_tables import Cell, write_table
from beauty_mlflow.data.splits.corrections import COLUMNS
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.evaluation.suspects import (
    Rows,
    Scores,
    Suspects,
    entropy,
    label_quality,
    margin,
    own_probability,
)

FILE = "suspects.csv"
LOOKS_AT_PICTURES = True
CORRECTIONS = "corrections.csv"
HEADER = (
    "kind",
    "place",
    "path",
    "true",
    "predicted",
    "probability",
    "own_probability",
    "margin",
    "entropy",
    "label_quality",
)
DIGITS = 6


def evaluate(evaluated: Evaluated, folder: Path) -> None:
    """Write suspects.csv and corrections.csv.

    suspects.csv has a row a picture: its kind (mislabelled, hardest or ambiguous, the first that fits) and place
    among those, as the gallery numbers them; the probability of the predicted and of its own class; by how much the
    best probability is above the second best; the entropy in nats; and how well the label fits (0 to 1, below 0.5
    another class is more probable). Of the hardest and the ambiguous the first 100 are listed.

    corrections.csv proposes the predicted class for those that are likely mislabelled, for a person to edit and
    `split --corrections` to apply. Of pictures that the model was trained on none is. Classes are the data's own: where
    the predicted one is a group, its one member, or no row where it has several.
    """
    table, suspects = evaluated.table, evaluated.suspects
    write_table(folder / FILE, HEADER, _rows(table, suspects))
    write_table(folder / CORRECTIONS, COLUMNS, _corrections(evaluated))


def _rows(table: PredictionTable, suspects: Suspects) -> list[list[Cell]]:
    predicted = table.predicted
    return [
        [
            kind,
            place,
            table.paths[i],
            table.classes[table.true[i]],
            table.classes[predicted[i]],
            *(round(float(score), DIGITS) for score in scores),
        ]
        for kind, rows in suspects
        for place, (i, *scores) in enumerate(zip(rows.tolist(), *_scores(table, rows), strict=True), start=1)
    ]


def _scores(table: PredictionTable, rows: Rows) -> list[Scores]:
    measures = own_probability, margin, entropy, label_quality
    return [_confidence(table, rows), *(measure(table, rows) for measure in measures)]


def _confidence(table: PredictionTable, rows: Rows) -> Scores:
    best: Scores = table.probabilities[rows].max(axis=1).astype(np.float64)
    return best


def _corrections(evaluated: Evaluated) -> list[list[Cell]]:
    table, rows = evaluated.table, np.array(list(evaluated.proposals), np.int64)
    scores = own_probability(table, rows), _confidence(table, rows)
    return [
        [
            table.paths[i],
            evaluated.proposals[i],
            f"labelled {table.classes[table.true[i]]} ({own:.3f}), predicted with {confidence:.3f}",
        ]
        for i, own, confidence in zip(rows.tolist(), *scores, strict=True)
    ]
