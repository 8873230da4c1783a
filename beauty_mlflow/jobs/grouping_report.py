"""What is said and logged about groups that were found."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from beauty_mlflow.data.wording import name_some
from beauty_mlflow.evaluation.grouping.constraints import Constraints
from beauty_mlflow.evaluation.grouping.figure import FILE, draw_grouping
from beauty_mlflow.evaluation.grouping.finding import Grouping
from beauty_mlflow.evaluation.grouping.writing import write_groups
from beauty_mlflow.jobs.artifacts import accuracy_line
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.models import Located
from beauty_mlflow.tracking.runs import Run


def notes_of(grouping: Grouping, constraints: Constraints) -> list[str]:
    """Return what must be read with the groups."""
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


def worth_of(grouping: Grouping) -> Summary:
    """Return the lines of a summary that say what the groups are worth."""
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


def log_grouping(run: Run, grouping: Grouping, training: Run, model: Located, command: str) -> None:
    """Log what the groups are worth, the groups with their reasons and the figure.

    Args:
        run: Where.
        grouping: The groups.
        training: The run whose model is confused.
        model: That model.
        command: The command that does it again.
    """
    run.log_metrics({f"{names.GROUPING_METRICS}{name}": float(value) for name, value in _figures(grouping).items()})
    if model.model_id:
        run.use_model(model.model_id)
    figure = run.link("what each merge is worth", f"{names.GROUPS_FOLDER}/{FILE}")
    whose = f"the model of {training.link()}"
    run.describe(f"Groups the classes that {whose} confuses on its validation pictures: {figure}.", command)
    with TemporaryDirectory() as folder:
        write_groups(grouping, f"run {training.run_id}", Path(folder) / "groups.yaml")
        draw_grouping(grouping, Path(folder) / FILE)
        run.log_folder(Path(folder), names.GROUPS_FOLDER)


def _figures(grouping: Grouping) -> dict[str, float]:
    pictures = len(grouping.table)
    return {
        "classes": grouping.classes,
        "accuracy_before": grouping.hits[0] / pictures,
        **grouping.accuracy(grouping.hits[grouping.taken]),
        "accuracy_random": grouping.random_hits.mean() / pictures,
        "fewer_errors": grouping.fewer_errors,
        "largest_share": grouping.largest_share,
        **({} if grouping.halves is None else {"accuracy_halves": grouping.halves / pictures}),
    }
