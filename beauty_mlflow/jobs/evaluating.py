"""Measuring a model on one part of a split: the model just trained, or a logged one."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from beauty_mlflow.data.progress import console_progress
from beauty_mlflow.data.splits.manifest import Split, read_split
from beauty_mlflow.errors import DataError
from beauty_mlflow.evaluation.metrics import summarize
from beauty_mlflow.evaluation.predictions import PredictionTable, predict
from beauty_mlflow.jobs.artifacts import accuracy_line, datasets, log_evaluation, log_split
from beauty_mlflow.jobs.evaluate import Evaluate
from beauty_mlflow.jobs.opening import open_named, say_notes
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.jobs.sessions import Session
from beauty_mlflow.jobs.training import Trained, predict_part
from beauty_mlflow.serving.classifier import load_network
from beauty_mlflow.serving.package import MODEL_FILE, read_description
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.datasets import Dataset
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.models import Located, download, fetch_model, locate_model
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store, connect


@dataclass(frozen=True)
class _Subject:
    """What is measured: a part of a split, and how the model's training saw those pictures."""

    split: Split
    part: str
    data_name: str
    notes: list[str]


def evaluate_trained(current: Session, trained: Trained, part: str) -> Summary:
    """Measure the model just trained on one part of its own split, in the same run.

    Raises:
        DataError: The part has no picture.
    """
    subject = _Subject(current.split, part, current.data_name, _copies(current.split, part))
    _require_pictures(subject)
    say_notes(subject.notes)
    table = predict_part(current, trained.settings, trained.model, part)
    return _log(current.run, subject, table, trained.model_id)


def evaluate_logged(parameters: Evaluate) -> Summary:
    """Measure a logged model in a run of its own, which links the training's.

    Raises:
        DataError: The classes differ from the training's, or pictures overlap with it.
        TrackingError: The model, or the split that it was trained on, can't be had.
    """
    store = connect()
    say_notes(store.notes)
    located = locate_model(store, parameters.model)
    package = fetch_model(store, parameters.model)
    description = read_description(package)
    subject = _subject(store, located, parameters, description.classes)
    _require_pictures(subject)
    say_notes(subject.notes)
    training = Run.find(store, located.run_id)
    run = Run.open(replace(store, experiment_id=training.experiment_id), f"evaluate {description.network}")
    with tracked(run):
        run.log_parameters(parameters.as_text())
        run.set_tags({names.EVALUATES: located.run_id, names.FINGERPRINT: subject.split.fingerprint})
        run.describe(_describe(located, parameters, subject), parameters.command())
        run.log_inputs([_dataset(subject)])
        run.use_model(located.model_id)
        log_split(run, subject.split)
        table = predict(
            load_network(package / MODEL_FILE),
            subject.split.part(parameters.part),
            size=description.image_size,
            resize=description.resize,
            batch_size=parameters.batch_size,
            progress=console_progress,
        )
        summary = _log(run, subject, table, located.model_id)
    return [("evaluates", located.run_id), *summary, ("run_id", run.run_id)]


def _subject(store: Store, located: Located, parameters: Evaluate, classes: tuple[str, ...]) -> _Subject:
    own = _own_split(store, located)
    if not parameters.data:
        # the model's own pictures may have been changed or removed since: read_split has checked them
        return _Subject(own, parameters.part, own.folder.name, _copies(own, parameters.part))
    split = _with_classes_of(open_named(parameters.data).split, classes)
    if split.fingerprint == own.fingerprint:
        return _Subject(split, parameters.part, split.folder.name, _copies(own, parameters.part))
    _require_no_overlap(split, own, parameters.part)
    return _Subject(split, parameters.part, split.folder.name, _selected_on(split, own, parameters.part))


def _own_split(store: Store, located: Located) -> Split:
    training = Run.find(store, located.run_id)
    with tempfile.TemporaryDirectory() as folder:
        manifest = download(training, names.SPLIT_FOLDER, Path(folder)) / Path(names.MANIFEST).name
        return read_split(manifest, check_pictures=True)


def _with_classes_of(split: Split, classes: tuple[str, ...]) -> Split:
    missing = sorted(set(classes) - set(split.classes))
    extra = sorted(set(split.classes) - set(classes))
    if missing or extra:
        differences = [
            f"{len(found)} {words}: {', '.join(found[:5])}{' …' if len(found) > 5 else ''}"  # noqa: PLR2004
            for found, words in ((missing, "missing"), (extra, "unknown to the model"))
            if found
        ]
        raise DataError(
            f"The classes of {split.folder} differ from those of the training: {'; '.join(differences)}. "
            "Give a manifest with the same classes; for a grouped model, group the split as for its training."
        )
    return replace(split, classes=classes)


def _require_no_overlap(split: Split, own: Split, part: str) -> None:
    trained_on = _hashes(own, "train")
    overlap = sum(digest in trained_on for digest in split.rows(part)["sha256"])
    if overlap:
        raise DataError(
            f"{overlap} of the {len(split.rows(part))} {part} pictures were in the model's training part "
            "(same sha256): the figures would be too good. Leave them out, or make the manifest with split "
            "--extend from the training's."
        )


def _selected_on(split: Split, own: Split, part: str) -> list[str]:
    validation = _hashes(own, "val")
    seen = sum(digest in validation for digest in split.rows(part)["sha256"])
    return [f"{seen} of the {part} pictures were in the model's validation part, which chose its epoch"] if seen else []


def _copies(own: Split, part: str) -> list[str]:
    if part == "train":
        return [f"all {len(own.rows(part))} pictures were trained on: these figures say nothing about new ones"]
    trained_on = _hashes(own, "train")
    copies = sum(digest in trained_on for digest in own.rows(part)["sha256"])
    return [f"{copies} of the {part} pictures are copies of training pictures (same sha256)"] if copies else []


def _hashes(split: Split, part: str) -> set[str]:
    return set(split.rows(part)["sha256"])


def _require_pictures(subject: _Subject) -> None:
    if not sum(subject.split.counts[subject.part].values()):
        raise DataError(f"{subject.split.folder} has no pictures in the part {subject.part}; choose another part.")


def _dataset(subject: _Subject) -> Dataset:
    return datasets(subject.split, subject.data_name)[subject.part]


def _log(run: Run, subject: _Subject, table: PredictionTable, model_id: str) -> Summary:
    figures = summarize(table)
    run.log_metrics(
        {f"{subject.part}_{name}": value for name, value in figures.items()},
        model_id=model_id,
        dataset=_dataset(subject),
    )
    log_evaluation(run, table, subject.part)
    share = subject.split.largest_share(subject.part)
    return [
        (f"{subject.part}_accuracy", accuracy_line(figures)),
        (f"{subject.part}_macro_f1", f"{figures['macro_f1']:.4f}"),
        (f"{subject.part}_top5_accuracy", f"{figures['top5_accuracy']:.4f}"),
        ("largest class's share", f"{share:.4f}"),
    ]


def _describe(located: Located, parameters: Evaluate, subject: _Subject) -> str:
    size = sum(subject.split.counts[parameters.part].values())
    return (
        f"Evaluates the model of run {located.run_id} on the {parameters.part} part "
        f"of **{subject.data_name}** ({size} pictures)."
    )
