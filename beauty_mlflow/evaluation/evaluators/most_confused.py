"""most_confused.csv: which class is most often taken for which."""

from pathlib import Path

import numpy as np

from beauty_mlflow.data.safe_tables import Cell, exact, write_table
from beauty_mlflow.evaluation.confusion import count_confusions, row_shares
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.predictions import PredictionTable

FILE = "most_confused.csv"
HEADER = (
    "true",
    "predicted",
    "pictures",
    "share_of_true",
    "both_ways",
    "mean_probability",
    "example",
    "example_probability",
)


def evaluate(evaluated: Evaluated, folder: Path) -> None:
    """Write most_confused.csv: a row a class and another that it was taken for, most pictures first.

    The columns are true, predicted, pictures, share_of_true (of the true class's pictures), both_ways (pictures of
    either of the two classes taken for the other), mean_probability (of the predicted class over these pictures), and
    the picture among them that was answered most confidently, with its probability. Of pairs with as many pictures,
    the larger share comes first, then the order of the classes.
    """
    table = evaluated.table
    counts = count_confusions(table)
    shares = row_shares(counts)
    pairs = np.argwhere((counts > 0) & ~np.eye(len(counts), dtype=bool))
    true, predicted = pairs.T
    order = np.lexsort((predicted, true, -shares[true, predicted], -counts[true, predicted]))
    rows = _rows_of_pairs(table)
    write_table(
        folder / FILE,
        HEADER,
        (
            [
                table.classes[i],
                table.classes[j],
                int(counts[i, j]),
                round(float(shares[i, j]), 6),
                int(counts[i, j] + counts[j, i]),
                *_answers(table, rows[i, j]),
            ]
            for i, j in pairs[order].tolist()
        ),
    )


def _rows_of_pairs(table: PredictionTable) -> dict[tuple[int, int], list[int]]:
    """Return which pictures have each pair of true and predicted class, the most confidently answered first."""
    rows: dict[tuple[int, int], list[int]] = {}
    true, predicted = table.true.tolist(), table.predicted.tolist()
    for i in np.argsort(-table.probabilities.max(axis=1), kind="stable").tolist():
        rows.setdefault((true[i], predicted[i]), []).append(i)
    return rows


def _answers(table: PredictionTable, rows: list[int]) -> list[Cell]:
    """Return the mean probability of the pictures' answers, the most confident one's path and its probability."""
    confidence = table.probabilities[rows].max(axis=1)
    return [round(float(confidence.mean(dtype=np.float64)), 6), table.paths[rows[0]], exact(confidence[0])]
