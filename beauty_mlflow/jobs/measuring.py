"""What is measured, what must be said about it, and the figures as they are logged."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from beauty_mlflow.data.splits.grouping import recorded_groups
from beauty_mlflow.data.splits.manifest import Split
from beauty_mlflow.errors import DataError
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.metrics import summarize
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.jobs.artifacts import accuracy_line, dataset, log_evaluation
from beauty_mlflow.jobs.calibrating import Calibration
from beauty_mlflow.jobs.opening import say_notes
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.progress import console_progress
from beauty_mlflow.tracking.datasets import Dataset
from beauty_mlflow.tracking.runs import Run


@dataclass(frozen=True)
class Subject:
    """One part of a split, and what is known of it.

    Attributes:
        split: The split.
        part: Which part of it.
        data_name: What the tracker calls the data.
        notes: Sentences on how the model's training saw its pictures.
        trained_on: Whether it learned from them.
        groups: The group of each class that is in one.
    """

    split: Split
    part: str
    data_name: str
    notes: list[str]
    trained_on: bool = False
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def dataset(self) -> Dataset:
        """The part as the tracker lists it."""
        return dataset(self.split, self.part, self.data_name)

    def announce(self) -> None:
        """Print the notes.

        Raises:
            DataError: The part has no picture.
        """
        if not self.split.sizes[self.part]:
            raise DataError(f"{self.split.folder} has no pictures in the part {self.part}; choose another part.")
        say_notes(self.notes)


def copies_in(own: Split, part: str) -> list[str]:
    """Say how many pictures of a part the model was trained on, on its own split."""
    if part == "train":
        return [f"all {own.sizes[part]} pictures were trained on: these figures say nothing about new ones"]
    copies = count_shared(own, part, own, "train")
    return [f"{copies} of the {part} pictures are copies of training pictures (same sha256)"] if copies else []


def count_shared(split: Split, part: str, other: Split, other_part: str) -> int:
    """Return how many pictures of a part are, by sha256, in a part of another split."""
    known = set(other.rows(other_part)["sha256"])
    return sum(digest in known for digest in split.rows(part)["sha256"])


def require_no_overlap(split: Split, own: Split, part: str, whose: str) -> None:
    """Raise DataError where pictures of a part are in the training part of a model's own split."""
    overlap = count_shared(split, part, own, "train")
    if overlap:
        raise DataError(
            f"{overlap} of the {split.sizes[part]} {part} pictures were in {whose} training part "
            "(same sha256): the figures would be too good. Leave them out, or make the manifest with split "
            "--extend from the training's."
        )


def log_figures(
    run: Run,
    subject: Subject,
    table: PredictionTable,
    calibration: Calibration,
    model_id: str,
    *,
    beside: PredictionTable | None = None,
) -> Summary:
    """Log the part's figures, on the run, the model and the dataset, and the evaluation's artifacts.

    Args:
        run: Where.
        subject: The part.
        table: The network's own predictions, of which the loss is comparable with the training's. The artifacts have
            the probabilities that are served.
        calibration: The model's.
        model_id: The logged model's.
        beside: A second model's predictions of the same pictures, as they are served.
    """
    figures, calibrated = summarize(table), calibration.measure(table)
    names = ("ece_before", "ece", "coverage", "precision_answered")
    run.log_metrics(
        {f"{subject.part}_{name}": value for name, value in {**figures, **calibrated.figures(*names)}.items()},
        model_id=model_id,
        dataset=subject.dataset,
    )
    evaluated = Evaluated(
        calibration.served(table),
        subject.split.folder,
        subject.groups,
        beside,
        trained_on=subject.trained_on,
        made_of=recorded_groups(subject.split),
        progress=console_progress,
    )
    log_evaluation(run, evaluated, subject.part)
    share = subject.split.largest_share(subject.part)
    return [
        (f"{subject.part}_accuracy", accuracy_line(figures)),
        (f"{subject.part}_macro_f1", f"{figures['macro_f1']:.4f}"),
        (f"{subject.part}_top5_accuracy", f"{figures['top5_accuracy']:.4f}"),
        *calibrated.summary(f"{subject.part}_ece", f"{subject.part}_coverage"),
        ("largest class's share", f"{share:.4f}"),
    ]
