"""coverage.png: how many pictures are answered above a threshold, and how many of those rightly."""

from pathlib import Path

from matplotlib.ticker import PercentFormatter

from beauty_mlflow.evaluation.coverage import CoverageCurve, coverage_curve
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.plotting import new_figure, save_figure

FILE = "coverage.png"
DRAWS = True
MARKED = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)  # thresholds in the figure
MANY = 30  # thresholds, above which dots would hide the line


def evaluate(evaluated: Evaluated, folder: Path) -> None:
    """Write coverage.png, with every threshold on the table's probabilities; see ``coverage_table``."""
    curve = coverage_curve(evaluated.table)
    figure = new_figure(7, 5, arranged=False)
    axes = figure.add_axes((0.13, 0.11, 0.84, 0.81))
    axes.plot(curve.coverage, curve.precision, marker="o" if len(curve.thresholds) <= MANY else None, markersize=3)
    for place, names in _marks(curve).items():
        axes.plot(*place, "o", color="black", markersize=5)
        axes.annotate(", ".join(names), place, xytext=(4, 6), textcoords="offset points", fontsize=8)
    axes.set_title(f"{curve.answered[0]} pictures; the black dots are thresholds on the probability")
    axes.set_xlabel("coverage: share of the pictures that is answered")
    axes.set_ylabel("accuracy among the answered")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(top=1 + max(0.04 * (1 - float(curve.precision.min())), 0.002))  # no tick above 100 %
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.3)
    save_figure(figure, folder / FILE)


def _marks(curve: CoverageCurve) -> dict[tuple[float, float], list[str]]:
    """Return the marked thresholds by their place in the figure, which several may share."""
    marks: dict[tuple[float, float], list[str]] = {}
    for threshold in MARKED:
        found = curve.at(threshold)
        if found.precision is not None:
            marks.setdefault((found.coverage, found.precision), []).append(f"{threshold:g}")
    return marks
