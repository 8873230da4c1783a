"""Optuna's figures of a study: one page of interactive ones, which needs no network, and a PNG of each."""

import html
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna

from beauty_mlflow import interactive
from beauty_mlflow.data.page_policy import page_policy
from beauty_mlflow.files import atomic_path, write_text

PAGE = "search.html"
_TITLES = {
    "optimization_history": "History",
    "param_importances": "Which parameter matters",
    "slice": "Each parameter",
    "contour": "Pairs of parameters",
    "parallel_coordinate": "All parameters at once",
    "timeline": "When each trial ran",
    "intermediate_values": "Every epoch of every trial",
    "pareto_front": "Pareto front",
}
_OF_VALUES = ("optimization_history", "param_importances", "slice", "contour", "parallel_coordinate")
_MOST_PAIRED = 5  # parameters whose pairs are drawn: 20 small maps; more can't be read
_MOST_IN_FRONT = 3  # objectives
_MOST_NAMED = 10  # lines in a legend

State = optuna.trial.TrialState


@dataclass(frozen=True)
class _Figure:
    """One of Optuna's figures: its plot's name, what it is drawn from, and why it can't be, if so."""

    name: str
    study: Any
    arguments: dict[str, Any] = field(default_factory=dict)
    metric: str = ""
    why_not: str = ""

    @property
    def title(self) -> str:
        return f"{_TITLES[self.name]}: {self.metric}" if self.metric else _TITLES[self.name]


def draw_figures(study: Any, metrics: Sequence[str], folder: Path) -> list[str]:  # noqa: ANN401 - Optuna's
    """Write the page and the PNGs.

    Args:
        study: With any number of trials.
        metrics: The objectives' names.
        folder: Where to write.

    Returns:
        What couldn't be drawn, with the reason, a sentence each.
    """
    left_out: list[str] = []
    parts: list[str] = []
    for figure in _wanted(study, metrics):
        if figure.why_not:
            left_out.append(f"{figure.title}: {figure.why_not}")
            continue
        try:
            with warnings.catch_warnings():  # about what is experimental
                warnings.simplefilter("ignore")
                part = _interactive(figure)
                _picture(figure, folder / f"{figure.title.lower().replace(': ', '_').replace(' ', '_')}.png")
            parts.append(part)
        except (ValueError, RuntimeError, ImportError, ZeroDivisionError, IndexError, KeyError) as error:
            left_out.append(f"{figure.title}: {' '.join(str(error).split())}")
    write_text(folder / PAGE, _page(study.study_name, parts, left_out))
    return left_out


def _wanted(study: Any, metrics: Sequence[str]) -> Iterator[_Figure]:  # noqa: ANN401 - Optuna's
    trials = study.get_trials(deepcopy=False)
    incomplete = "" if any(trial.state == State.COMPLETE for trial in trials) else "no trial is complete"
    several = len(metrics) > 1
    if 1 < len(metrics) <= _MOST_IN_FRONT:
        yield _Figure("pareto_front", study, {"target_names": list(metrics)}, why_not=incomplete)
    for index, metric in enumerate(metrics):
        alone = _of_one_objective(study, index) if several else study
        paired = _paired(alone)
        for name in _OF_VALUES:
            arguments: dict[str, Any] = {"target_name": metric}
            why_not = incomplete
            if name == "contour":
                arguments["params"] = paired
                why_not = incomplete or ("" if len(paired) > 1 else "fewer than two parameters have several values")
            yield _Figure(name, alone, arguments, metric if several else "", why_not)
    if not several:
        reported = any(trial.intermediate_values for trial in trials)
        yield _Figure("intermediate_values", study, why_not="" if reported else "no trial has an epoch yet")
    yield _Figure("timeline", study, why_not="" if trials else "there is no trial")


def _of_one_objective(study: Any, index: int) -> Any:  # noqa: ANN401 - Optuna's
    """Return a copy of a study in which one of its objectives is the only one."""
    alone = optuna.create_study(study_name=study.study_name, direction=study.directions[index])
    for trial in study.get_trials():
        if trial.values:
            trial.values = [trial.values[index]]
        alone.add_trial(trial)
    return alone


def _paired(study: Any) -> list[str]:  # noqa: ANN401 - Optuna's
    """Return the parameters whose pairs are worth drawing, the more important first where there are many."""
    complete = study.get_trials(deepcopy=False, states=[State.COMPLETE])
    values: dict[str, set[Any]] = {}
    for trial in complete:
        for name, value in trial.params.items():
            values.setdefault(name, set()).add(value)
    several = [name for name, seen in values.items() if len(seen) > 1]
    if len(several) <= _MOST_PAIRED:
        return several
    try:
        importance = optuna.importance.get_param_importances(study)
    except (ValueError, RuntimeError):  # of parameters that few trials have
        importance = {}
    return sorted(several, key=lambda name: -importance.get(name, 0))[:_MOST_PAIRED]


def _interactive(figure: _Figure) -> str:
    drawn = getattr(optuna.visualization, f"plot_{figure.name}")(figure.study, **figure.arguments)
    height = max(480, 220 * len(figure.arguments.get("params", ())))
    drawn.update_layout(title=figure.title, width=None, height=height)
    for each in (drawn.for_each_xaxis, drawn.for_each_yaxis):
        each(lambda axis: axis.update(exponentformat="power") if axis.type == "log" else None)
    if figure.name == "intermediate_values":
        drawn.update_layout(xaxis_title="Epoch", yaxis_title="Value after it")
    return interactive.element(drawn)


def _picture(figure: _Figure, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg", force=True)
    from matplotlib import pyplot as plt

    try:
        with mpl.rc_context():  # Optuna sets a style for the whole process
            axes = getattr(optuna.visualization.matplotlib, f"plot_{figure.name}")(figure.study, **figure.arguments)
            several = list(axes.flat) if hasattr(axes, "flat") else [axes]
            canvas = several[0].figure
            _mend(figure, canvas, several)
            with atomic_path(path) as temporary:
                canvas.savefig(temporary, dpi=100, bbox_inches="tight", format="png")
    finally:
        plt.close("all")


def _mend(figure: _Figure, canvas: Any, axes: Sequence[Any]) -> None:  # noqa: ANN401 - Matplotlib's
    """Give a figure our title, room for its parameters, and labels that don't lie on each other."""
    width, height = canvas.get_size_inches()
    first = axes[0]
    trials = figure.study.get_trials(deepcopy=False)
    parameters = {name: trial.distributions[name] for trial in trials for name in trial.params}
    for one in canvas.axes:
        one.tick_params(which="minor", labelsize="x-small")
        _whole_numbers(one, parameters)
    if len(axes) > 1:
        canvas.suptitle(figure.title)
    else:
        first.set_title("", loc="left")  # where one of Optuna's figures has its own
        first.set_title(figure.title, pad=20)
    match figure.name:
        case "contour" if len(axes) > 1:
            side = 2.6 * len(figure.arguments["params"])
            canvas.set_size_inches(side + 2, side)
            canvas.suptitle(figure.title, y=0.93)
            for one in axes:
                one.label_outer()
                one.tick_params(axis="x", labelrotation=45)
        case "slice":
            for one in axes:
                one.tick_params(axis="x", which="both", labelrotation=60)
        case "parallel_coordinate":
            canvas.set_size_inches(max(width, 2.2 * len(parameters) + 2), height)
            _move_colour_bar(canvas, inches=1)  # away from the last parameter's values
        case "intermediate_values":
            first.set(xlabel="Epoch", ylabel="Value after it")
            canvas.set_size_inches(8, height)
            legend = first.get_legend()
            if legend and len(legend.get_texts()) > _MOST_NAMED:
                legend.remove()


def _move_colour_bar(canvas: Any, inches: float) -> None:  # noqa: ANN401 - Matplotlib's
    for bar in [one for one in canvas.axes if one.get_label() == "<colorbar>"]:
        place = bar.get_position()
        bar.set_position((place.x0 + inches / canvas.get_figwidth(), place.y0, place.width, place.height))


def _whole_numbers(axes: Any, parameters: Mapping[str, Any]) -> None:  # noqa: ANN401 - Matplotlib's
    """Let an axis of whole numbers have no ticks between them."""
    from matplotlib.ticker import MaxNLocator

    for label, axis in ((axes.get_xlabel(), axes.xaxis), (axes.get_ylabel(), axes.yaxis)):
        integer = isinstance(parameters.get(label), optuna.distributions.IntDistribution)
        if (integer or label in ("Trial", "Step")) and axis.get_scale() == "linear":
            axis.set_major_locator(MaxNLocator(integer=True))


def _page(name: str, parts: Sequence[str], left_out: Sequence[str]) -> str:
    absent = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in left_out)
    note = f"<h2>Left out</h2><ul>{absent}</ul>" if absent else ""
    style = "body{font-family:sans-serif;max-width:1100px;margin:1em auto}"
    script = interactive.script() if parts else ""
    policy = page_policy(style, script, drawing=True)
    head = f'<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
    title = html.escape(name)
    body = f"<h1>{title}</h1>{''.join(parts)}{note}<script>{script}</script>"
    return f"{head}<title>{title}</title><style>{style}</style>{body}"
