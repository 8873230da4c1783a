"""Trainings side by side in a table."""

from collections.abc import Sequence

from beauty_mlflow.data.safe_tables import Cell
from beauty_mlflow.evaluation.comparison.compared import Accuracy, Compared

HEADER = (
    "run",
    "name",
    "experiment",
    "data",
    "network",
    "recipe",
    "blocks",
    "train_pictures",
    "best_val_accuracy",
    "best_val_accuracy_low",
    "best_val_accuracy_high",
    "best_val_loss",
    "best_epoch",
    "epochs",
    "hours",
    "parameters",
    "pictures_per_second",
    "test_accuracy",
    "test_accuracy_low",
    "test_accuracy_high",
)
HEADINGS = (
    "name",
    "data",
    "network",
    "blocks",
    "pictures",
    "best val",
    "95 %",
    "epoch",
    "hours",
    "parameters",
    "pictures/s",
    "test",
    "95 %",
    "run",
)


def exact_row(one: Compared) -> list[Cell]:
    """Return a training's cells below ``HEADER``, numbers as exact as they are; what isn't known is empty."""
    test = one.test or Accuracy(float("nan"))
    cells: list[Cell | None] = [
        one.run,
        one.name,
        one.experiment,
        one.data,
        one.network,
        one.recipe,
        one.blocks,
        one.train_pictures,
        one.val_accuracy.value,
        one.val_accuracy.low,
        one.val_accuracy.high,
        one.val_loss,
        one.best_epoch,
        one.epochs,
        one.hours,
        one.parameters,
        one.pictures_per_second,
        test.value if one.test else None,
        test.low,
        test.high,
    ]
    return ["" if cell is None else cell for cell in cells]


def readable_row(one: Compared) -> list[str]:
    """Return a training's cells below ``HEADINGS``, rounded for people."""
    return [
        one.name,
        one.data,
        one.network,
        "all" if one.blocks is None else str(one.blocks),
        "" if one.train_pictures is None else str(one.train_pictures),
        f"{one.val_accuracy.value:.4f}",
        _interval(one.val_accuracy),
        f"{one.best_epoch} of {one.epochs}",
        f"{one.hours:.3g}",
        "" if one.parameters is None else f"{one.parameters:,}",
        "" if one.pictures_per_second is None else f"{one.pictures_per_second:.1f}",
        "" if one.test is None else f"{one.test.value:.4f}",
        "" if one.test is None else _interval(one.test),
        one.run,
    ]


def ordered(compared: Sequence[Compared]) -> list[Compared]:
    """Return the trainings by data, network and depth, the best first where these are equal."""
    return sorted(
        compared,
        key=lambda one: (one.data, one.network, -1 if one.blocks is None else one.blocks, -one.val_accuracy.value),
    )


def best_of(compared: Sequence[Compared], most: int) -> list[Compared]:
    """Return so many trainings at most, those with the highest accuracy on validation pictures, in the same order."""
    best = {one.run for one in sorted(compared, key=lambda one: -one.val_accuracy.value)[:most]}
    return [one for one in compared if one.run in best]


def _interval(accuracy: Accuracy) -> str:
    return "" if accuracy.low is None or accuracy.high is None else f"{accuracy.low:.4f}-{accuracy.high:.4f}"
