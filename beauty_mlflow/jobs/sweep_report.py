"""What a sweep leaves in its parent run: figures, tables, and in words what won and what to do next."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from beauty_mlflow.data.safe_tables import Cell, write_table
from beauty_mlflow.errors import UnreachableError
from beauty_mlflow.jobs.opening import say_notes
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.jobs.sweep_books import in_words
from beauty_mlflow.jobs.sweep_confirm import Confirmed
from beauty_mlflow.jobs.sweep_search import Search
from beauty_mlflow.search import attempts
from beauty_mlflow.search.attempts import State
from beauty_mlflow.search.figures import PAGE, draw_figures
from beauty_mlflow.search.studies import best_trials, ranked
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.finding import child_entities

FOLDER = "search"
TRIALS = "trials.csv"
CONFIRMED = "confirmed.csv"
_BEST = "best."
BEST_RUN = f"{_BEST}run"

Row = dict[str, Any]


def report(search: Search, confirmed: Sequence[Confirmed]) -> Summary:
    """Log figures and tables, describe the winner, and return the summary's lines."""
    trials = search.study.get_trials(deepcopy=False)
    counts = _counts(trials)
    runs = _runs(search, trials)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _write(trials_table(trials, search.sweep.metrics, runs), folder / TRIALS)
        if confirmed:
            _write(_confirmed_table(confirmed), folder / CONFIRMED)
        left_out = draw_figures(search.study, search.sweep.metrics, folder)
        search.run.log_folder(folder, FOLDER)
    say_notes(f"no figure {sentence}" for sentence in left_out)
    best = ranked(search.study)
    if not best:
        search.run.describe(f"{counts}. No trial came to its end. {_figures(search)}", search.parameters.command())
        return [("trials", counts), ("best", "none")]
    return [("trials", counts), *_winner(search, confirmed, counts, runs)]


def trials_table(trials: Sequence[Any], metrics: Sequence[str], runs: Mapping[int, str]) -> list[Row]:
    """Return a row a trial that has begun: number, state, values, parameters, seconds, run, and why it ended early.

    ``runs`` are the trials' runs by number.
    """
    rows = []
    for trial in (trial for trial in trials if trial.state != State.WAITING):
        values = trial.values if trial.state == State.COMPLETE else [None] * len(metrics)
        seconds = trial.duration.total_seconds() if trial.duration else None
        rows.append(
            {
                "number": trial.number,
                "state": trial.state.name,
                **dict(zip(metrics, values, strict=True)),
                **{f"params.{name}": value for name, value in trial.params.items()},
                "epochs": max(trial.intermediate_values, default=None),
                "seconds": seconds,
                "run": runs.get(trial.number, ""),
                "reason": _reason(trial),
            }
        )
    return rows


def _runs(search: Search, trials: Sequence[Any]) -> dict[int, str]:
    """Return the trials' runs by number: those that began offline by the ids that the store has given them since."""
    sent: dict[str, str] = {}
    try:
        for run in child_entities(search.store, search.run, {}, f"tags.`{names.OFFLINE}` LIKE '%'"):
            sent[run.data.tags[names.OFFLINE]] = run.info.run_id
    except UnreachableError as error:
        unknown = f"{TRIALS}, best_run and the next command may hold ids that the store doesn't know"
        say_notes([f"WARNING: runs that began offline couldn't be looked up: {unknown}. {error}"])
    known = {trial.number: trial.user_attrs[attempts.RUN] for trial in trials if attempts.RUN in trial.user_attrs}
    return {number: sent.get(run, run) for number, run in known.items()}


def _write(rows: Sequence[Row], path: Path) -> None:
    header = list(dict.fromkeys(name for row in rows for name in row))
    write_table(path, header, ([_cell(row.get(name)) for name in header] for row in rows))


def _cell(value: object) -> Cell:
    if value is None:
        return ""
    return value if isinstance(value, str | int | float) else str(value)


def _reason(trial: Any) -> str:  # noqa: ANN401 - Optuna's
    if trial.state in (State.PRUNED, State.FAIL):
        return attempts.why(trial)
    return f"repeats trial {trial.user_attrs[attempts.RETRY_OF]}" if attempts.RETRY_OF in trial.user_attrs else ""


def _counts(trials: Sequence[Any]) -> str:
    counted = attempts.counted(trials)
    words = {State.COMPLETE: "complete", State.PRUNED: "pruned", State.FAIL: "failed", State.RUNNING: "running"}
    numbers = {word: sum(trial.state == state for trial in counted) for state, word in words.items()}
    again = sum(trial.state != State.WAITING for trial in trials) - len(counted)
    parts = [f"{number} {word}" for word, number in numbers.items() if number or word in ("complete", "pruned")]
    return ", ".join([*parts, *([f"{again} begun again"] if again else [])])


def _confirmed_table(confirmed: Sequence[Confirmed]) -> list[Row]:
    return [
        {
            "trial": one.trial,
            "seeds": len(one.values),
            "mean": one.mean,
            "deviation": one.deviation,
            "run": one.best_run,
        }
        | {f"seed {seed}": value for seed, value in one.values.items()}
        for one in confirmed
    ]


def _winner(search: Search, confirmed: Sequence[Confirmed], counts: str, runs: Mapping[int, str]) -> Summary:
    front = {trial.number: trial for trial in best_trials(search.study)}
    trials = {trial.number: trial for trial in ranked(search.study)}
    winner = trials[confirmed[0].trial if confirmed else next(number for number in trials if number in front)]
    run = confirmed[0].best_run if confirmed else runs[winner.number]
    metric = search.sweep.metrics[0]
    value = f"{metric} {winner.values[0]:.4f}"
    if confirmed:
        first = confirmed[0]
        wanted = search.sweep.confirm_seeds
        among = f" of {wanted}" if len(first.values) < wanted else ""
        spread = f"{first.mean:.4f} ± {first.deviation:.4f} over {len(first.values)}{among} other seeds"
        value = f"{value} in the search, {spread}"
    values = in_words(winner.params)
    link = f"[its run](#/experiments/{search.experiment}/runs/{run})"
    table = search.run.link(TRIALS, f"{FOLDER}/{TRIALS}")
    then = f"mlflow run . -e evaluate -P model={run}"
    others = f" {len(front)} trials are on the Pareto front; see {table}." if len(search.sweep.metrics) > 1 else ""
    search.run.describe(
        f"{search.sweep.description} {counts}. The best: trial {winner.number} ({values}), {value}; {link}.{others}\n\n"
        f"{_figures(search)} Next: `{then}`",
        search.parameters.command(),
    )
    _tag_best(search, {BEST_RUN: run, **{f"{_BEST}{name}": str(number) for name, number in winner.params.items()}})
    return [("best", f"trial {winner.number}: {values}"), ("value", value), ("best_run", run), ("next", then)]


def _figures(search: Search) -> str:
    return f"The figures: {search.run.link(PAGE, f'{FOLDER}/{PAGE}')}."


def _tag_best(search: Search, tags: dict[str, str]) -> None:
    for name in search.run.tags:
        if name.startswith(_BEST) and name not in tags:  # of an earlier best, which had other parameters
            search.run.remove_tag(name)
    search.run.set_tags(tags)
