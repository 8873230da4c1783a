"""The thesis's trainings as runs: parameters, metrics and tags under the names that our own trainings have."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from beauty_mlflow.data.published import (
    CLASSES,
    TEST_PICTURES,
    TRAIN_PICTURES,
    VAL_PICTURES,
    PublishedRun,
)
from beauty_mlflow.evaluation.metrics import accuracy_interval
from beauty_mlflow.jobs.describing import describe_depth
from beauty_mlflow.jobs.parameters import to_text
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.imports import Imported, Point

SOURCE = "a master's thesis of 2018: 73 categories of hygiene and beauty products"
FIRST_DAY = datetime(2018, 1, 1, tzinfo=UTC)
TITLE = "**Imported figures, not runs of this installation**"
ABOUT = (
    f"The 23 trainings of {SOURCE}; 72,880 pictures, with all classes (`full`) and with the same pictures in 42 groups "
    "of classes (`grouped`), at every depth from the head alone to nine blocks, and three networks from scratch. Every "
    "epoch is as it was printed.\n\nThe dates are invented: the thesis gives durations only, so the runs are laid end "
    "to end from 1 January 2018 on.\n\n"
    "`beauty reference` imports them, `beauty compare --experiment beauty-thesis-2018` draws them. `beauty promote` "
    "never looks here by itself."
)

# of the recipe thesis; learning_rate and such as finetune resolves them
_SETTINGS: dict[str, object] = {
    "optimizer": "rmsprop",
    "learning_rate": 0.0002,
    "schedule": "constant",
    "label_smoothing": 0.0,
    "augment": "thesis",
    "precision": "float32",
    "image_size": 299,
}
_COMMON: dict[str, object] = {
    "recipe": "thesis",
    "epochs": 100,
    "patience": 3,
    "batch_size": 64,
    "class_weight": "none",
    "cache": "none",
    "fraction": 1.0,
}
_TRANSFER: dict[str, object] = {"weights": "imagenet", "dropout": 0.2, "dense_units": 512, "batch_norm": "train"}
_INCEPTION, _POOLED, _DENSE = 21_802_784, 2048, 512  # parameters without the top; its output's width; the head's


def as_runs(runs: Sequence[PublishedRun], page: str) -> list[Imported]:
    """Return each training as the tracker takes it, one beginning as the one before ends.

    Args:
        runs: The trainings.
        page: Where MLflow's UI shows them together.
    """
    start, found = int(FIRST_DAY.timestamp() * 1000), []
    for run in runs:
        end = start + round(run.ends[-1] * 1000)
        found.append(_imported(run, start, end, page))
        start = end
    return found


def _imported(run: PublishedRun, start: int, end: int, page: str) -> Imported:
    from_scratch = run.blocks is None
    return Imported(
        key=run.key,
        name=f"{run.data} {run.network} {'from scratch' if from_scratch else f'blocks={run.blocks}'}",
        start=start,
        end=end,
        parameters={name: to_text(value) for name, value in _parameters(run).items()},
        points=list(_points(run, start)),
        figures=_figures(run),
        tags={
            names.SOURCE: SOURCE,
            names.RECIPE: "thesis",
            names.WEIGHTS_SOURCE: "random" if from_scratch else "imagenet",
            names.DESCRIPTION: _describe(run, page),
        },
    )


def _parameters(run: PublishedRun) -> dict[str, object]:
    own: dict[str, object] = {"data": f"beauty-2018 {run.data}", "network": run.network, "classes": CLASSES[run.data]}
    if run.blocks is not None:
        own |= {"blocks": run.blocks, **_TRANSFER, names.PARAMETERS_TOTAL: _parameters_total(CLASSES[run.data])}
    return {**own, **_COMMON, **_SETTINGS, **{f"resolved.{name}": value for name, value in _SETTINGS.items()}}


def _parameters_total(classes: int) -> int:
    return _INCEPTION + (_POOLED + 1) * _DENSE + (_DENSE + 1) * classes


def _points(run: PublishedRun, start: int) -> Iterator[Point]:
    for number, (epoch, end) in enumerate(zip(run.epochs, run.ends, strict=True), start=1):
        figures = {
            "loss": epoch.loss,
            "accuracy": epoch.accuracy,
            "val_loss": epoch.val_loss,
            "val_accuracy": epoch.val_accuracy,
            "epoch_seconds": epoch.seconds,
        }
        yield from ((name, value, start + round(end * 1000), number) for name, value in figures.items())


def _figures(run: PublishedRun) -> dict[str, float]:
    figures = {
        names.TRAIN_PICTURES: TRAIN_PICTURES,
        names.BEST_EPOCH: run.best_epoch,
        names.BEST_VAL_LOSS: run.epochs[run.best_epoch - 1].val_loss,
        **_with_interval(names.BEST_VAL_ACCURACY, run.best_val_accuracy, VAL_PICTURES),
    }
    if run.test_accuracy is not None:
        figures |= _with_interval("test_accuracy", run.test_accuracy, TEST_PICTURES)
    return figures


def _with_interval(name: str, accuracy: float, pictures: int) -> dict[str, float]:
    low, high = accuracy_interval(round(accuracy * pictures), pictures)
    return {name: accuracy, f"{name}_low": low, f"{name}_high": high}


def _describe(run: PublishedRun, page: str) -> str:
    classes = CLASSES[run.data]
    kind = f"{classes} classes" if run.data == "full" else f"{classes} groups of classes"
    what = (
        f"Trains the whole of **{run.network}** from random weights"
        if run.blocks is None
        else f"Fine-tunes **{run.network}** ({describe_depth(run.blocks)}), from ImageNet's weights"
    )
    test = "" if run.test_accuracy else " The test accuracy of this run was not computed."
    return (
        f"**Imported figures**, from {SOURCE} ([all its trainings]({page})). {what}; recipe thesis, at "
        f"most 100 epochs, on {kind} ({TRAIN_PICTURES} / {VAL_PICTURES} / {TEST_PICTURES} pictures: train, val, "
        "test).\n\n"
        f"As printed: the {len(run.epochs)} epochs, and the kept model's validation accuracy, measured once more after "
        f"the training.{test} The validation figures count {VAL_PICTURES + 1:,} answers, the first picture twice. "
        "Computed from these here: `best_epoch` (lowest val_loss), the 95 % intervals, the number "
        "of parameters. Not documented, and invented: the dates; durations are as printed.\n\n"
        "To import it again:\n\n```\nmlflow run . -e reference\n```"
    )
