"""reliability.png: whether the probabilities can be taken at their word."""

from pathlib import Path

from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.figures import draw_reliability

FILE = "reliability.png"
DRAWS = True


def evaluate(evaluated: Evaluated, folder: Path) -> None:
    """Write reliability.png: the accuracy of the answers by their confidence, and how many have which.

    The probabilities are the table's; the jobs hand in calibrated ones, as they are served. How they were before
    calibration is in the training's figures.
    """
    draw_reliability({f"{len(evaluated.table)} pictures": evaluated.table}, folder / FILE)
