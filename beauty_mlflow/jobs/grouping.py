"""Groups from what a model confuses. TensorFlow is imported only once model, split and constraints are found good.

The model is asked again: the table that its training left, evaluation/val/predictions.csv, has the five best classes of
each picture, and the probability of a group needs all of them. Only pictures of the validation part are read.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from beauty_mlflow.data.duplicates.copies import units_of
from beauty_mlflow.data.sources.locations import locate
from beauty_mlflow.data.splits.grouping import group_split
from beauty_mlflow.data.splits.manifest import Split, read_split, write_split
from beauty_mlflow.data.splits.outputs import check_output, writing
from beauty_mlflow.errors import DataError, did_you_mean
from beauty_mlflow.evaluation.grouping.constraints import read_constraints
from beauty_mlflow.evaluation.grouping.finding import check_reachable, find_groups
from beauty_mlflow.evaluation.grouping.writing import is_groups_file, write_groups
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.jobs.asking import ask
from beauty_mlflow.jobs.calibrating import Calibration
from beauty_mlflow.jobs.evaluating import own_split, verify_part
from beauty_mlflow.jobs.group import Group
from beauty_mlflow.jobs.grouping_report import log_grouping, notes_of, worth_of
from beauty_mlflow.jobs.measuring import copies_in, count_shared
from beauty_mlflow.jobs.opening import say_notes, split_counts
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.jobs.projects import in_project_run
from beauty_mlflow.serving.package import read_description
from beauty_mlflow.tracking.models import fetch_model, locate_model, training_run_of
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store, connect

PART = "val"


@dataclass(frozen=True)
class Subject:
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
        subject = subject_of(parameters)
        apart = constraints.apart(subject.own.classes)
        check_reachable(apart, parameters.classes)
        table = served_answers(parameters.model, subject)
        grouping = find_groups(table, apart, parameters.classes, units_in(subject.own))
        grouped, notes = group_split(subject.split, grouping.groups)
        say_notes([*notes, *notes_of(grouping, constraints)])
        with writing(out):
            write_split(grouped, out)
        with writing(parameters.groups_file):
            write_groups(grouping, f"run {subject.training.run_id}", parameters.groups_file)
        project.log_split(grouped)
        if project.run is not None:
            model = locate_model(subject.store, parameters.model)
            log_grouping(project.run, grouping, subject.training, model, parameters.command())
        return [
            ("classes", f"{len(subject.split.classes)} -> {len(grouped.classes)}"),
            *split_counts(grouped),
            *worth_of(grouping),
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
        TemporaryFile(dir=groups.parent).close()
        if (groups.exists() or groups.is_symlink()) and not (groups.is_file() and is_groups_file(groups)):
            raise DataError(
                f"'{groups}' exists and is no list of groups as they were found, so it isn't replaced; give "
                "groups_out another name"
            )


def subject_of(parameters: Group) -> Subject:
    """Return the model's training with its split, and the split to group.

    Raises:
        DataError: See ``group_by_confusion``.
        TrackingError: As there.
    """
    store = connect()
    say_notes(store.notes)
    training = training_run_of(store, parameters.model)
    own = own_split(training, check_pictures=False)
    if not own.sizes[PART]:
        raise DataError(
            f"the split of run {training.run_id} has no validation picture, so it says nothing about groups"
        )
    if not parameters.data:
        say_notes(_thinned(own))
        return Subject(store, training, own, own)
    split = read_split(locate(parameters.data), check_pictures=False)
    _require_same_classes(split, own)
    if split.fingerprint == own.fingerprint:  # its folder may be another one
        return Subject(store, training, split, split)
    _require_unseen_test(split, own)
    return Subject(store, training, own, split)


def _thinned(own: Split) -> list[str]:
    fraction = own.options.get("fraction")
    if fraction is None:
        return []
    share = f"trained with fraction={fraction}, so the grouped split has that share of the training pictures alone"
    return [f"the model was {share}; give data, the split that it was drawn from, to group them all"]


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


def units_in(own: Split) -> list[list[int]]:
    """Return the rows of the part that show one thing, whether the split kept them together or not."""
    return units_of(own.rows(PART).reset_index(drop=True), ["duplicate_group", "product"])


def served_answers(model: str, subject: Subject) -> PredictionTable:
    """Return the model's answers for the validation part of its own split, as it serves them."""
    own = subject.own
    verify_part(subject.training, own, PART)
    say_notes(copies_in(own, PART))
    package = fetch_model(subject.store, model)
    description = read_description(package)
    if description.classes != own.classes:
        raise DataError(f"the model {model} has other classes than the split of its run; give another model")
    return Calibration.of(description).served(ask(package, description, own.part(PART)))
