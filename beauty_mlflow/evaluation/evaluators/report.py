"""report.csv: precision, recall and F1 of each class."""

from pathlib import Path

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

from beauty_mlflow.data.safe_tables import Cell, write_table
from beauty_mlflow.evaluation.evaluated import Evaluated

FILE = "report.csv"


def evaluate(evaluated: Evaluated, folder: Path) -> None:
    """Write report.csv: class, precision, recall, f1, support (pictures of the class in the part).

    Every class has a row; what would be divided by zero is 0. The last two rows average the classes that have
    a picture in the part: `macro average` counts them alike, `weighted average` by their pictures.
    """
    table = evaluated.table
    labels = range(len(table.classes))
    figures = np.array(precision_recall_fscore_support(table.true, table.predicted, labels=labels, zero_division=0.0)).T
    rows = [_row(name, row) for name, row in zip(table.classes, figures, strict=True)]
    support = figures[:, 3]
    for name, weights in (("macro average", support > 0), ("weighted average", support)):
        mean = np.average(figures[:, :3], axis=0, weights=weights)
        rows.append(_row(name, np.append(mean, support.sum())))
    write_table(folder / FILE, ["class", "precision", "recall", "f1", "support"], rows)


def _row(name: str, figures: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[Cell]:
    *scores, support = figures.tolist()
    return [name, *(round(score, 6) for score in scores), int(support)]
