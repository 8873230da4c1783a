"""coverage.csv: how many pictures are answered above a threshold, and how many of those rightly."""

from pathlib import Path

from beauty_mlflow.data.safe_tables import Cell, write_table
from beauty_mlflow.evaluation.coverage import Answered, coverage_curve
from beauty_mlflow.evaluation.evaluated import Evaluated

FILE = "coverage.csv"
STEPS = 100  # from threshold 0 to 1


def evaluate(evaluated: Evaluated, folder: Path) -> None:
    """Write coverage.csv.

    The thresholds are on the table's probabilities; the jobs hand in calibrated ones, as they are served. The table
    has the columns threshold (0 to 1 in hundredths), coverage (share of the pictures answered), accuracy (of those
    answered; empty where none is) and answered (how many).
    """
    table = evaluated.table
    curve = coverage_curve(table)
    rows = [_row(curve.at(step / STEPS)) for step in range(STEPS + 1)]
    write_table(folder / FILE, ["threshold", "coverage", "accuracy", "answered"], rows)


def _row(answered: Answered) -> list[Cell]:
    accuracy = "" if answered.precision is None else round(answered.precision, 6)
    return [answered.threshold, round(answered.coverage, 6), accuracy, answered.number]
