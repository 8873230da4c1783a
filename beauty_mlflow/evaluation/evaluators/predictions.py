"""predictions.csv: what was said about each picture."""

from pathlib import Path

import pandas as pd

from beauty_mlflow.data.safe_tables import Cell, exact, read_table, write_table
from beauty_mlflow.errors import DataError
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.predictions import BEST, PredictionTable

FILE = "predictions.csv"


def evaluate(evaluated: Evaluated, folder: Path) -> None:
    """Write predictions.csv, one row a picture in the table's order.

    The columns are path, true, predicted and probability (of the predicted class), then top1,
    top1_probability to top5, top5_probability: the most probable classes, best first; fewer where there are
    fewer classes.
    """
    table = evaluated.table
    top = table.top(BEST)
    header = ["path", "true", "predicted", "probability"]
    for place in range(1, top.shape[1] + 1):
        header += [f"top{place}", f"top{place}_probability"]
    write_table(folder / FILE, header, (_row(table, i, top[i].tolist()) for i in range(len(table))))


def read_predictions(path: Path) -> pd.DataFrame:
    """Read predictions.csv back: names as they are (a class called NA too), probabilities as numbers.

    Raises:
        DataError: It can't be read, or is no table of predictions.
    """
    header, rows = read_table(path)
    if header[:4] != ["path", "true", "predicted", "probability"]:
        raise DataError(f"{path} is no table of predictions: its first columns are {', '.join(header[:4])}.")
    frame = pd.DataFrame(rows, columns=header, dtype=str)
    try:
        return frame.astype({name: "float64" for name in header if name.endswith("probability")})
    except ValueError as error:
        raise DataError(f"{path} holds a probability that is no number ({error}); fetch it again.") from error


def _row(table: PredictionTable, i: int, top: list[int]) -> list[Cell]:
    classes, probabilities = table.classes, table.probabilities[i]
    row: list[Cell] = [
        table.paths[i],
        classes[table.true[i]],
        classes[top[0]],
        exact(probabilities[top[0]]),
    ]
    for label in top:
        row += [classes[label], exact(probabilities[label])]
    return row
