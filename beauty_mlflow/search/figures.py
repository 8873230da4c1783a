"""Optuna's figures of a study: one page of interactive ones, which needs no network, and a PNG of each."""

import html
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna

from beauty_mlflow.files import atomic_path, write_text

PAGE = "search.html"
_PLAIN = ("optimization_history", "slice", "contour", "parallel_coordinate", "param_importances")
_WHOLE = ("timeline", "intermediate_values")
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
    for name, arguments, title in _wanted(metrics):
        try:
            with warnings.catch_warnings():  # about what is experimental, and about too few points for a contour
                warnings.simplefilter("ignore")
                parts.append(_interactive(name, study, arguments, title, first=not parts))
                _picture(name, study, arguments, folder / f"{_file(title)}.png")
        except (ValueError, RuntimeError, ImportError, ZeroDivisionError, IndexError, KeyError) as error:
            left_out.append(f"{title}: {' '.join(str(error).split())}")
    write_text(folder / PAGE, _page(study.study_name, parts, left_out))
    return left_out


def _wanted(metrics: Sequence[str]) -> list[tuple[str, dict[str, Any], str]]:
    if len(metrics) == 1:
        return [(name, {}, _TITLES[name]) for name in (*_PLAIN, *_WHOLE)]
    found: list[tuple[str, dict[str, Any], str]] = []
    if len(metrics) <= 3:  # noqa: PLR2004 - a front of more dimensions can't be drawn
        found.append(("pareto_front", {"target_names": list(metrics)}, _TITLES["pareto_front"]))
    for index, metric in enumerate(metrics):
        target = {"target": _value(index), "target_name": metric}
        found += [(name, target, f"{_TITLES[name]}: {metric}") for name in _PLAIN]
    return [*found, ("timeline", {}, _TITLES["timeline"])]


def _value(index: int) -> Callable[[Any], float]:
    return lambda trial: float(trial.values[index])


def _interactive(name: str, study: Any, arguments: dict[str, Any], title: str, *, first: bool) -> str:  # noqa: ANN401 - Optuna's
    figure = getattr(optuna.visualization, f"plot_{name}")(study, **arguments)
    figure.update_layout(title=title)
    return str(figure.to_html(full_html=False, include_plotlyjs=first, default_height="480px"))


def _picture(name: str, study: Any, arguments: dict[str, Any], path: Path) -> None:  # noqa: ANN401 - Optuna's
    import matplotlib as mpl

    mpl.use("Agg", force=True)
    from matplotlib import pyplot as plt

    try:
        axes = getattr(optuna.visualization.matplotlib, f"plot_{name}")(study, **arguments)
        figure = (axes.flat[0] if hasattr(axes, "flat") else axes).figure
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=100, bbox_inches="tight", format="png")
    finally:
        plt.close("all")


def _file(title: str) -> str:
    return title.lower().replace(": ", "_").replace(" ", "_")


def _page(name: str, parts: Sequence[str], left_out: Sequence[str]) -> str:
    absent = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in left_out)
    note = f"<h2>Left out</h2><ul>{absent}</ul>" if absent else ""
    head = f'<!doctype html><meta charset="utf-8"><title>{html.escape(name)}</title>'
    style = "<style>body{font-family:sans-serif;max-width:1100px;margin:1em auto}</style>"
    return f"{head}{style}<h1>{html.escape(name)}</h1>{''.join(parts)}{note}"
