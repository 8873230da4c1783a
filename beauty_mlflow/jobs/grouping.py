"""Groups from what a model confuses. TensorFlow is imported only once model, split and constraints are found good.

The model is asked again: the table that its training left, evaluation/val/predictions.csv, has the five best classes of
each picture, and the probability of a group needs all of them. Only pictures of the validation part are read.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from beauty_mlflow.data.progress import console_progress
from beauty_mlflow.data.splits.grouping import group_split
from beauty_mlflow.data.splits.manifest import Split, read_split, write_split
from beauty_mlflow.data.splits.outputs import check_output, writing
from beauty_mlflow.data.splits.verifying import verify_pictures
from beauty_mlflow.data.wording import name_some
from beauty_mlflow.errors import DataError, did_you_mean
from beauty_mlflow.evaluation.grouping.constraints import Constraints, read_constraints
from beauty_mlflow.evaluation.grouping.figure import FILE, draw_grouping
from beauty_mlflow.evaluation.grouping.finding import Grouping, check_reachable, find_groups
from beauty_mlflow.evaluation.grouping.writing import is_groups_file, write_groups
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.jobs.artifacts import accuracy_line
from beauty_mlflow.jobs.calibrating import Calibration
from beauty_mlflow.jobs.evaluating import own_split
from beauty_mlflow.jobs.group import Group
from beauty_mlflow.jobs.measuring import copies_in, count_shared
from beauty_mlflow.jobs.opening import say_notes, split_counts
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.jobs.projects import in_project_run
from beauty_mlflow.serving.package import MODEL_FILE, read_description
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.models import fetch_model, locate_model, training_run_of
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store, connect

PART = "val"
BATCH = 128


@dataclass(frozen=True)
class _Subject:
    """What is to be grouped, and by whose confusions.

    Args:
        store: Where the model is kept.
        training: The run that trained it.
        own: The split of its training, whose validation pictures are predicted.
        split: The split to group.
    """

    store: Store
    training: Run
    own: Split
    split: Split


def group_by_confusion(parameters: Group) -> Summary:
    """Find groups, write them down and group the split.

    Raises:
        DataError: The split's classes aren't the model's, or its test pictures were among those that choose the groups;
            the constraints can't be kept; or a file can't be written.
        ManifestError: A validation picture is missing or changed.
        TrackingError: The model, or the split that it was trained on, can't be had.
    """
    out = Path(parameters.out)
    with in_project_run(parameters) as project:
        _check_outputs(parameters)
        constraints = read_constraints(parameters.constraints)
        subject = _subject(parameters)
        apart = constraints.apart(subject.own.classes)
        check_reachable(apart, parameters.classes)
        table = _predict(parameters, subject)
        grouping = find_groups(table, apart, parameters.classes)
        grouped, notes = group_split(subject.split, grouping.groups)
        say_notes([*notes, *_notes(grouping, constraints)])
        with writing(out):
            write_split(grouped, out)
        with writing(parameters.groups_file):
            write_groups(grouping, f"run {subject.training.run_id}", parameters.groups_file)
        project.log_split(grouped)
        if project.run is not None:
            _log(project.run, parameters, grouping, subject)
        return [
            ("classes", f"{len(subject.split.classes)} -> {len(grouped.classes)}"),
            *split_counts(grouped),
            *_worth(grouping),
            ("groups", parameters.groups_file),
            ("manifest", out),
            ("next", f"mlflow run . -e finetune -P data={out}"),
            *project.summary(),
        ]


def _check_outputs(parameters: Group) -> None:
    out, groups = Path(parameters.out), parameters.groups_file
    check_output(out, {"data": parameters.data, "constraints": parameters.constraints})
    with writing(groups):
        groups.parent.mkdir(parents=True, exist_ok=True)
        if (groups.exists() or groups.is_symlink()) and not (groups.is_file() and is_groups_file(groups)):
            raise DataError(
                f"'{groups}' exists and is no list of groups as they were found, so it isn't replaced; give "
                "groups_out another name"
            )


def _subject(parameters: Group) -> _Subject:
    store = connect()
    say_notes(store.notes)
    training = training_run_of(store, parameters.model)
    own = own_split(training, check_pictures=False)
    if not own.sizes[PART]:
        raise DataError(
            f"the split of run {training.run_id} has no validation picture, so it says nothing about groups"
        )
    if not parameters.data:
        return _Subject(store, training, own, own)
    split = read_split(Path(parameters.data), check_pictures=False)
    _require_same_classes(split, own)
    if split.fingerprint == own.fingerprint:  # its folder may be another one
        return _Subject(store, training, split, split)
    _require_unseen_test(split, own)
    return _Subject(store, training, own, split)


def _require_same_classes(split: Split, own: Split) -> None:
    unknown = sorted(set(split.classes) ^ set(own.classes))
    if unknown:
        whose = "the split" if unknown[0] in split.classes else "the model"
        other = own.classes if unknown[0] in split.classes else split.classes
        raise DataError(
            f"the split's classes aren't the model's: {len(unknown)} differ, among them '{unknown[0]}', which only "
            f"{whose} has.{did_you_mean(unknown[0], other)} Give a split of the same classes, or leave data out."
        )


def _require_unseen_test(split: Split, own: Split) -> None:
    shared = count_shared(split, "test", own, PART)
    if shared:
        raise DataError(
            f"{shared} of the {split.sizes['test']} test pictures of the split are in the model's validation part "
            "(same sha256), which chooses the groups: a test on them would be too good. Make the split with --extend "
            "from the model's, or leave data out."
        )


def _predict(parameters: Group, subject: _Subject) -> PredictionTable:
    """Return the model's answers for the validation part of its own split, as it serves them."""
    own = subject.own
    manifest = Path(f"run {subject.training.run_id}'s {names.MANIFEST}")
    verify_pictures(manifest, own.folder, own.rows(PART), console_progress)
    say_notes(copies_in(own, PART))
    package = fetch_model(subject.store, parameters.model)
    description = read_description(package)
    if description.classes != own.classes:
        raise DataError(f"the model {parameters.model} has other classes than the split of its run; give another model")
    from beauty_mlflow.evaluation.predictions import predict
    from beauty_mlflow.serving.classifier import load_network

    table = predict(
        load_network(package / MODEL_FILE),
        own.part(PART),
        size=description.image_size,
        resize=description.resize,
        batch_size=BATCH,
        progress=console_progress,
    )
    return Calibration.of(description).served(table)


def _notes(grouping: Grouping, constraints: Constraints) -> list[str]:
    table = grouping.table
    notes = [_chosen_by(len(table))]
    pictures = np.bincount(table.true, minlength=len(table.classes))
    if unseen := [name for name, number in zip(table.classes, pictures, strict=True) if not number]:
        notes.append(f"{len(unseen)} classes have no validation picture: {name_some(unseen)}.")
    if grouping.unfounded:
        notes.append(
            f"WARNING: {grouping.unfounded} of the {grouping.taken} merges join classes that weren't confused at all, "
            f"because classes={grouping.classes} asks for it; the groups' file says which."
        )
    if alone := constraints.alone(table.classes):
        notes.append(f"{len(alone)} classes are in none of the families, so they stay alone: {name_some(alone)}.")
    return notes


def _chosen_by(pictures: int) -> str:
    return (
        f"The groups were chosen by {pictures} validation pictures; no test picture was read. Merging raises the "
        "accuracy by itself, at random too, and what the groups gain above that is too good on the pictures that chose "
        "them: `accuracy by halves` judges each half of them with groups found from the other."
    )


def _worth(grouping: Grouping) -> Summary:
    before, after = (grouping.accuracy(grouping.hits[step]) for step in (0, grouping.taken))
    pictures = len(grouping.table)
    low, high = np.quantile(grouping.random_hits / pictures, (0.025, 0.975))
    at_random = (
        f"{grouping.random_hits.mean() / pictures:.4f} (95 % of {len(grouping.random_hits)}: {low:.4f} to {high:.4f})"
    )
    halves = (
        [] if grouping.halves is None else [("accuracy by halves", accuracy_line(grouping.accuracy(grouping.halves)))]
    )
    return [
        ("accuracy before", accuracy_line(before)),
        ("accuracy with groups", accuracy_line(after)),
        *halves,
        ("random groups of the same sizes", at_random),
        ("fewer errors than at random", f"{grouping.fewer_errors:.1%}"),
        ("largest group's share", f"{grouping.largest_share:.4f}"),
        ("description", f"{grouping.lengths[0]:.0f} -> {grouping.lengths[grouping.taken]:.0f} nats"),
    ]


def _log(run: Run, parameters: Group, grouping: Grouping, subject: _Subject) -> None:
    """Log what the groups are worth, the groups with their reasons and the figure."""
    pictures = len(grouping.table)
    figures = {
        "classes": grouping.classes,
        "accuracy_before": grouping.hits[0] / pictures,
        **grouping.accuracy(grouping.hits[grouping.taken]),
        "accuracy_random": grouping.random_hits.mean() / pictures,
        "fewer_errors": grouping.fewer_errors,
        "largest_share": grouping.largest_share,
        **({} if grouping.halves is None else {"accuracy_halves": grouping.halves / pictures}),
    }
    run.log_metrics({f"{names.GROUPING_METRICS}{name}": float(value) for name, value in figures.items()})
    model = locate_model(subject.store, parameters.model)
    if model.model_id:
        run.use_model(model.model_id)
    sentence = (
        f"Groups the classes that the model of run {subject.training.run_id} confuses on its validation pictures."
    )
    run.describe(sentence, parameters.command())
    with TemporaryDirectory() as folder:
        write_groups(grouping, f"run {subject.training.run_id}", Path(folder) / "groups.yaml")
        draw_grouping(grouping, Path(folder) / FILE)
        run.log_folder(Path(folder), names.GROUPS_FOLDER)
