"""Trainings side by side: read, drawn, and logged in a run of their own."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from beauty_mlflow.data.progress import console_progress
from beauty_mlflow.data.safe_tables import write_table
from beauty_mlflow.data.splits.outputs import writing
from beauty_mlflow.errors import DataError, TrackingError
from beauty_mlflow.evaluation.comparison.charts import (
    POINTS,
    Chart,
    depth_charts,
    distinct_names,
    learning_charts,
    pair_chart,
    points,
)
from beauty_mlflow.evaluation.comparison.compared import Compared
from beauty_mlflow.evaluation.comparison.page import Page, write_page
from beauty_mlflow.evaluation.comparison.pictures import draw_chart
from beauty_mlflow.evaluation.comparison.series import by_depth
from beauty_mlflow.evaluation.comparison.table import HEADER, HEADINGS, exact_row, ordered, readable_row
from beauty_mlflow.files import write_text
from beauty_mlflow.jobs.compare import Compare, run_ids
from beauty_mlflow.jobs.comparing_data import as_compared, data_of
from beauty_mlflow.jobs.comparing_pairs import find_pairs
from beauty_mlflow.jobs.opening import say_notes
from beauty_mlflow.jobs.outputs import require_absent
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.jobs.tables import print_table
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.finding import REFERENCE, experiments
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store, connect
from beauty_mlflow.tracking.trainings import Found, find_trainings

FOLDER = "comparison"
PAGE = "comparison.html"
TABLE = "runs.csv"
DRAWN = "points.csv"
PRINTED = 40  # lines of the table on a terminal
_NO_PAIR = (
    "No figure of all classes against groups: no training on groups (beauty group) has one on all classes beside it, "
    "at a depth (blocks), of the same pictures and labels, network, initial weights, image size and recipe."
)
_COLUMNS = ("name", "data", "blocks", "pictures", "best val", "95 %", "epoch", "hours", "test")


@dataclass(frozen=True)
class Comparison:
    """What is shown.

    Attributes:
        compared: The trainings, in the table's order.
        charts: The figures.
        absent: What couldn't be drawn or wasn't compared, a sentence each.
    """

    compared: Sequence[Compared]
    charts: Sequence[Chart]
    absent: Sequence[str]

    @property
    def title(self) -> str:
        """In one line."""
        count = len(self.compared)
        return f"{count} trainings side by side" if count > 1 else "one training"


def compare(parameters: Compare) -> Summary:
    """Compare the trainings that the parameters name.

    Raises:
        TrackingError: A run or experiment doesn't exist, or there is no finished training among them.
        DataError: There is something at ``out`` already, or nothing can be written there.
    """
    out = Path(parameters.out) if parameters.out else None
    with _place(out) as folder:
        store = connect()
        say_notes(store.run_notes)
        ids = run_ids(parameters.runs)
        found = find_trainings(store, ids, _experiment_ids(store, parameters, ids), console_progress)
        _require_any(found)
        comparison = _compare(store, found, control=parameters.control)
        say_notes([*comparison.absent, *(note for chart in comparison.charts for note in chart.notes)])
        with writing(out or folder):
            _write(comparison, folder)
        run = _log(store, found, comparison, folder, parameters)
    _print(comparison)
    where = [("written to", out)] if out else []
    return [*_summary(found, comparison), *where, ("page", f"{FOLDER}/{PAGE} of the run"), ("run_id", run.run_id)]


@contextmanager
def _place(out: Path | None) -> Iterator[Path]:
    """Yield where to write: beside ``out``, so that the whole can be moved there at once."""
    try:
        if out is not None:
            require_absent(out)
            out.parent.mkdir(parents=True, exist_ok=True)
        beside = out.absolute().parent if out else None
        temporary = tempfile.TemporaryDirectory(dir=beside, prefix=f".{FOLDER}.")
    except OSError as error:
        raise DataError(f"'{out}' can't be written ({error.strerror}); give out another place") from None
    with temporary as name:
        yield Path(name) / FOLDER


def _experiment_ids(store: Store, parameters: Compare, ids: Sequence[str]) -> list[str]:
    if not parameters.experiment.strip():
        return [] if ids else [store.experiment_id]
    try:
        return experiments(store, parameters.experiment)
    except TrackingError:  # several, then; or none
        titles = [title.strip() for title in parameters.experiment.split(",") if title.strip()]
        return [number for title in dict.fromkeys(titles) for number in experiments(store, title)]


def _require_any(found: Found) -> None:
    if not found.trainings:
        others = "; ".join(f"{count} {reason}" for reason, count in found.left_out.items()) or "no run at all"
        raise TrackingError(
            f"There is no finished training to compare: {others}. Train first (beauty finetune), import the thesis's "
            "(beauty reference), or name others as runs or experiment."
        )


def _compare(store: Store, found: Found, *, control: bool) -> Comparison:
    data = data_of(found.trainings)
    compared = ordered([as_compared(one, data[one.run.run_id]) for one in found.trainings])
    depth, learning = depth_charts(compared), learning_charts(compared)
    pairs = [pair_chart(pair) for pair in find_pairs(store, compared, data, control=control)]
    absent = [f"Left out, {reason}: {count}." for reason, count in found.left_out.items()]
    problems = Counter(one.problem for one in data.values() if one.problem)
    absent += [f"Known by their pictures' digests alone, {reason}: {count}." for reason, count in problems.items()]
    if not depth:
        absent += ["No figure against depth: no data was trained on at several depths (blocks)."]
    if not pairs:
        absent += [_NO_PAIR]
    if not learning:
        absent += ["No learning curve: nothing was trained on several numbers of pictures (fraction)."]
    return Comparison(compared, distinct_names([*depth, *pairs, *learning]), [*absent, *_without_depth(compared)])


def _without_depth(compared: Sequence[Compared]) -> Iterator[str]:
    count = sum(one.blocks is None for one in compared)
    if count:
        yield f"In the table alone, trainings of a whole network or an inner range, which have no depth: {count}."


def _write(comparison: Comparison, folder: Path) -> None:
    for chart in comparison.charts:
        draw_chart(chart, folder / f"{chart.name}.png")
    write_table(folder / TABLE, HEADER, map(exact_row, comparison.compared))
    write_table(folder / DRAWN, POINTS, points(comparison.charts))
    rows = [readable_row(one) for one in comparison.compared]
    write_text(folder / PAGE, write_page(Page(comparison.title, comparison.charts, rows, comparison.absent)))


def _log(store: Store, found: Found, comparison: Comparison, folder: Path, parameters: Compare) -> Run:
    run = Run.open(replace(store, experiment_id=_home(store, found)), f"compare {comparison.title}")
    with tracked(run, sample=False):
        run.log_parameters(parameters.as_text())
        run.set_tags({names.COMPARES: str(len(comparison.compared))})
        drawn = ", ".join(f"`{FOLDER}/{chart.name}.png`" for chart in comparison.charts) or "none"
        absent = "\n".join(f"- {sentence}" for sentence in comparison.absent)
        words = f"Compares {comparison.title}: `{FOLDER}/{PAGE}` among its artifacts. Figures: {drawn}.\n\n{absent}"
        run.describe(words, parameters.command())
        run.log_folder(folder, FOLDER)
        if parameters.out:
            with writing(Path(parameters.out)):
                folder.rename(parameters.out)
    return run


def _home(store: Store, found: Found) -> str:
    """Return the experiment of the compared runs where they have one in common that is ours."""
    titles = {one.experiment for one in found.trainings}
    return found.trainings[0].run.experiment_id if len(titles) == 1 and REFERENCE not in titles else store.experiment_id


def _print(comparison: Comparison) -> None:
    places = [HEADINGS.index(name) for name in _COLUMNS]
    rows = [readable_row(one) for one in comparison.compared]
    print_table(_COLUMNS, [[row[place] for place in places] for row in rows[:PRINTED]])
    if len(rows) > PRINTED:
        say_notes([f"another {len(rows) - PRINTED} trainings are in {FOLDER}/{TABLE}"])


def _summary(found: Found, comparison: Comparison) -> Summary:
    best: Summary = []
    for series in by_depth(comparison.compared):
        depth, one = series.best
        words = f"{series.any.data}, {series.label}: blocks={depth}, {one.val_accuracy.value:.4f}"
        best += [("best depth", words)]
    figures = ", ".join(f"{chart.name}.png" for chart in comparison.charts) or "none"
    return [
        ("trainings", len(comparison.compared)),
        ("left out", sum(found.left_out.values())),
        *best,
        ("figures", figures),
    ]
