"""Trainings side by side: read, drawn, and logged in a run of their own."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

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
from beauty_mlflow.evaluation.comparison.table import HEADER, HEADINGS, best_of, exact_row, ordered, readable_row
from beauty_mlflow.files import write_text
from beauty_mlflow.jobs.compare import Compare, run_ids
from beauty_mlflow.jobs.comparing_data import as_compared, data_of
from beauty_mlflow.jobs.comparing_pairs import find_pairs, matching
from beauty_mlflow.jobs.opening import say_notes
from beauty_mlflow.jobs.outputs import require_absent
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.jobs.tables import print_table
from beauty_mlflow.progress import console_progress
from beauty_mlflow.temporary import temporary_folder
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
PRINTED, SHOWN = 40, 500  # lines of the table, on a terminal and in the page
FIGURES = 12  # of a kind
LINKED = 10  # figures, and trainings, in the run's description, which holds 8,000 characters
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
        inside = _experiment_ids(store, parameters, ids)
        found = find_trainings(store, ids, inside, console_progress, latest=parameters.latest)
        _require_any(found)
        comparison = _compare(store, found, parameters)
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
    with ExitStack() as kept:
        try:
            if out is not None:
                require_absent(out)
            beside = out.absolute() if out else Path(tempfile.gettempdir()) / FOLDER
            folder = kept.enter_context(temporary_folder(beside))
        except OSError as error:
            raise DataError(f"'{out}' can't be written ({error.strerror}); give out another place") from None
        yield folder / FOLDER


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
        others += "; older runs weren't read (`latest`)" if found.older else ""
        raise TrackingError(
            f"There is no finished training to compare: {others}. Train first (beauty finetune), import the thesis's "
            "(beauty reference), or name others as runs or experiment."
        )


def _compare(store: Store, found: Found, parameters: Compare) -> Comparison:
    data = data_of(found.trainings)
    compared = ordered([as_compared(one, data[one.run.run_id]) for one in found.trainings])
    depth, learning = depth_charts(compared), learning_charts(compared)
    matches = matching(compared, data)
    drawn = find_pairs(store, matches[:FIGURES], data, control=parameters.control)
    older = f"Not read: runs older than the latest {parameters.latest} trainings (latest=0 reads all)."
    absent = [older] if found.older else []
    absent += [f"Left out, {reason}: {count}." for reason, count in found.left_out.items()]
    problems = Counter(one.problem for one in data.values() if one.problem)
    absent += [f"Known by their pictures' digests alone, {reason}: {count}." for reason, count in problems.items()]
    if not depth:
        absent += ["No figure against depth: no data was trained on at several depths (blocks)."]
    if not matches:
        absent += [_NO_PAIR]
    if not learning:
        absent += ["No learning curve: nothing was trained on several numbers of pictures (fraction)."]
    charts = [*depth[:FIGURES], *map(pair_chart, drawn), *learning[:FIGURES]]
    absent += [*_without_depth(compared), *_thinned(compared, len(depth) + len(matches) + len(learning) - len(charts))]
    return Comparison(compared, distinct_names(charts), absent)


def _without_depth(compared: Sequence[Compared]) -> Iterator[str]:
    count = sum(one.blocks is None for one in compared)
    if count:
        yield f"In the table alone, trainings of a whole network or an inner range, which have no depth: {count}."


def _thinned(compared: Sequence[Compared], figures: int) -> Iterator[str]:
    if figures:
        yield f"Figures not drawn, as there are {FIGURES} of a kind at most: {figures}."
    if len(compared) > SHOWN:
        yield f"In {TABLE} alone, as the table of the page shows the best {SHOWN}: {len(compared) - SHOWN} trainings."


def _write(comparison: Comparison, folder: Path) -> None:
    for chart in comparison.charts:
        draw_chart(chart, folder / f"{chart.name}.png")
    write_table(folder / TABLE, HEADER, map(exact_row, comparison.compared))
    write_table(folder / DRAWN, POINTS, points(comparison.charts))
    rows = [readable_row(one) for one in best_of(comparison.compared, SHOWN)]
    write_text(folder / PAGE, write_page(Page(comparison.title, comparison.charts, rows, comparison.absent)))


def _log(store: Store, found: Found, comparison: Comparison, folder: Path, parameters: Compare) -> Run:
    run = Run.open(replace(store, experiment_id=_home(store, found)), f"compare {comparison.title}")
    with tracked(run, sample=False):
        run.log_parameters(parameters.as_text())
        run.set_tags({names.COMPARES: str(len(comparison.compared))})
        run.describe(_describe(run, found, comparison), parameters.command())
        run.log_folder(folder, FOLDER)
        if parameters.out:
            with writing(Path(parameters.out)):
                folder.rename(parameters.out)
    return run


def _describe(run: Run, found: Found, comparison: Comparison) -> str:
    """Say what is compared, with links to the page, to the figures and to the best trainings, and what isn't shown."""
    page = run.link(comparison.title, f"{FOLDER}/{PAGE}")
    figures = [run.link(f"{chart.name}.png", f"{FOLDER}/{chart.name}.png") for chart in comparison.charts[:LINKED]]
    best = sorted(comparison.compared, key=lambda one: -one.val_accuracy.value)[:LINKED]
    runs = {one.run.run_id: one.run for one in found.trainings}
    trainings = [f"{runs[one.run].link()} ({one.val_accuracy.value:.4f})" for one in best]
    lines = [
        f"Compares {page}. Figures: {_listed(figures, len(comparison.charts)) or 'none'}.",
        f"The trainings, the best on their validation pictures first: {_listed(trainings, len(comparison.compared))}.",
        "\n".join(f"- {sentence}" for sentence in comparison.absent),
    ]
    return "\n\n".join(lines)


def _listed(words: Sequence[str], total: int) -> str:
    return ", ".join([*words, *([f"{total - len(words)} more"] if total > len(words) else [])])


def _home(store: Store, found: Found) -> str:
    """Return the experiment of the compared runs where they have one in common that is ours."""
    titles = {one.experiment for one in found.trainings}
    return found.trainings[0].run.experiment_id if len(titles) == 1 and REFERENCE not in titles else store.experiment_id


def _print(comparison: Comparison) -> None:
    places = [HEADINGS.index(name) for name in _COLUMNS]
    rows = [readable_row(one) for one in best_of(comparison.compared, PRINTED)]
    print_table(_COLUMNS, [[row[place] for place in places] for row in rows])
    if len(comparison.compared) > PRINTED:
        say_notes([f"these are the best {PRINTED} of {len(comparison.compared)}; all are in {FOLDER}/{TABLE}"])


def _summary(found: Found, comparison: Comparison) -> Summary:
    best: Summary = []
    found_series = by_depth(comparison.compared)
    for series in found_series[:FIGURES]:
        depth, one = series.best
        words = f"{series.any.data}, {series.label}: blocks={depth}, {one.val_accuracy.value:.4f}"
        best += [("best depth", words)]
    if len(found_series) > FIGURES:
        best += [("best depth", f"{len(found_series) - FIGURES} more series: see {TABLE}")]
    figures = ", ".join(f"{chart.name}.png" for chart in comparison.charts) or "none"
    return [
        ("trainings", len(comparison.compared)),
        ("left out", sum(found.left_out.values())),
        *best,
        ("figures", figures),
    ]
