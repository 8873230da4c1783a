"""Measuring a logged model on one part of a split. TensorFlow is imported only once both have been found good."""

import tempfile
from dataclasses import replace
from pathlib import Path

from beauty_mlflow.data.splits.grouping import groups_of_classes
from beauty_mlflow.data.splits.manifest import Split, read_split
from beauty_mlflow.data.splits.verifying import verify_pictures
from beauty_mlflow.errors import DataError, ManifestError
from beauty_mlflow.jobs.artifacts import log_split
from beauty_mlflow.jobs.asking import ask
from beauty_mlflow.jobs.beside import Second, require_same_classes
from beauty_mlflow.jobs.calibrating import Calibration
from beauty_mlflow.jobs.describing import explorers
from beauty_mlflow.jobs.evaluate import Evaluate
from beauty_mlflow.jobs.measuring import Subject, copies_in, count_shared, log_figures, require_no_overlap
from beauty_mlflow.jobs.opening import open_named, say_notes
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.progress import console_progress
from beauty_mlflow.serving.package import read_description
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.models import download, fetch_model, locate_model, training_run_of
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.spool.recorded import begin
from beauty_mlflow.tracking.store import Store, connect


def evaluate_logged(parameters: Evaluate) -> Summary:
    """Measure a logged model in a run of its own, which links the training's.

    Raises:
        DataError: The classes differ from the training's, or pictures overlap with it.
        TrackingError: The model, or the split that it was trained on, can't be had.
    """
    store = connect()
    say_notes(store.run_notes)
    located = locate_model(store, parameters.model)
    training = training_run_of(store, parameters.model)
    package = fetch_model(store, parameters.model)
    description = read_description(package)
    subject = _grouped(_subject(training, parameters, description.classes), parameters.groups)
    subject.announce()
    second = _second(store, parameters, subject) if parameters.beside else None
    run = begin(replace(store, experiment_id=training.experiment_id), f"evaluate {description.network}")
    with tracked(run):
        run.log_parameters(parameters.as_text())
        run.set_tags({names.EVALUATES: training.run_id, names.FINGERPRINT: subject.split.fingerprint})
        run.describe(f"{_describe(training, subject, second)} {explorers(run, parameters.part)}", parameters.command())
        run.log_inputs([subject.dataset])
        run.use_model(located.model_id)
        log_split(run, subject.split)
        table = ask(package, description, subject.split.part(parameters.part), parameters.batch_size)
        beside = second.predictions(subject, parameters.batch_size) if second else None
        summary = log_figures(run, subject, table, Calibration.of(description), located.model_id, beside=beside)
    follows = [("next", f"mlflow run . -e promote -P candidate={training.run_id}")] if parameters.part == "test" else []
    return [("evaluates", training.run_id), *summary, *follows, ("run_id", run.run_id)]


def _subject(training: Run, parameters: Evaluate, classes: tuple[str, ...]) -> Subject:
    part = parameters.part
    if not parameters.data:
        own = own_split(training, check_pictures=True)
        return Subject(own, part, training.data_name(), copies_in(own, part), trained_on=part == "train")
    own = own_split(training, check_pictures=False)
    split = _with_classes_of(open_named(parameters.data).split, classes)
    if split.fingerprint == own.fingerprint:
        return Subject(split, part, training.data_name(), copies_in(own, part), trained_on=part == "train")
    require_no_overlap(split, own, part, "the model's")
    selected_on = count_shared(split, part, own, "val")
    notes = [f"{selected_on} of the {part} pictures were in the model's validation part, which chose its epoch"]
    return Subject(split, part, split.folder.name, notes if selected_on else [])


def _grouped(subject: Subject, source: str) -> Subject:
    if not source:
        return subject
    groups, notes = groups_of_classes(subject.split, source)
    return replace(subject, groups=groups, notes=[*subject.notes, *notes])


def _second(store: Store, parameters: Evaluate, subject: Subject) -> Second:
    uri = parameters.beside
    second = Second(store, uri, locate_model(store, uri), training_run_of(store, uri))
    own = own_split(second.training, check_pictures=False)
    require_same_classes(own, subject, uri)
    if own.fingerprint == subject.split.fingerprint:
        say_notes([f"of the model beside: {note}" for note in copies_in(own, subject.part)])
    else:
        require_no_overlap(subject.split, own, subject.part, f"the model beside's ({uri})")
    return second


def own_split(training: Run, *, check_pictures: bool) -> Split:
    """Return the split that a run was trained on.

    Raises:
        ManifestError: A picture is missing or changed; the message names the run.
    """
    with tempfile.TemporaryDirectory() as folder:
        manifest = download(training, names.SPLIT_FOLDER, Path(folder)) / Path(names.MANIFEST).name
        try:
            return read_split(manifest, check_pictures=check_pictures, progress=console_progress)
        except ManifestError as error:
            name = f"run {training.run_id}'s {names.MANIFEST}"
            raise ManifestError(str(error).replace(str(manifest), name)) from None


def verify_part(training: Run, split: Split, part: str) -> None:
    """Make sure that the pictures of one part of a run's split are as they were.

    Raises:
        ManifestError: One is missing or changed; the message names the run.
    """
    manifest = Path(f"run {training.run_id}'s {names.MANIFEST}")
    verify_pictures(manifest, split.folder, split.rows(part), console_progress)


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


def _describe(training: Run, subject: Subject, second: Second | None) -> str:
    size = subject.split.sizes[subject.part]
    beside = f" Beside it stands the model of {second.training.link()}." if second else ""
    return (
        f"Evaluates the model of {training.link()} on the {subject.part} part "
        f"of **{subject.data_name}** ({size} pictures).{beside}"
    )
