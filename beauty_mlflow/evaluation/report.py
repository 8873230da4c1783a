"""Everything that is written about one part's predictions."""

from pathlib import Path

from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators import find_evaluators


def write_evaluation(evaluated: Evaluated, folder: Path, *, figures: bool = True) -> None:
    """Let every evaluator write its files into the folder, which is made if it isn't there.

    Without ``evaluated.data`` those that look at pictures aren't asked, without ``figures`` those that draw.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for evaluate in find_evaluators(pictures=evaluated.data is not None, figures=figures).values():
        evaluate(evaluated, folder)
