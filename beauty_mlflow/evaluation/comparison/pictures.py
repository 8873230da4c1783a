"""The figures of a comparison as PNG."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter

from beauty_mlflow.evaluation.comparison.charts import Chart, Line
from beauty_mlflow.evaluation.plotting import name_style, new_figure, readable, save_figure

# Okabe and Ito 2008: told apart by colour-blind readers, too
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
_LONGEST = 90
_HALF = 70  # characters of a label that leave room for another one beside it
_MOST_TICKS = 8
_HEIGHT = 5.2  # inches
_NOTE = 0.16  # inches a line
_MOST_OF_A_NOTE = 3  # lines


def draw_chart(chart: Chart, path: Path) -> None:
    """Draw accuracy and loss beside each other, the notes below them.

    Training is dashed, validation solid; intervals are bars.
    """
    notes = [line for note in chart.notes for line in wrap(readable(note, _MOST_OF_A_NOTE * _LONGEST), _LONGEST)]
    figure = new_figure(11, _HEIGHT + _NOTE * len(notes))
    _draw_panels(_above_notes(figure, notes) if notes else figure, chart)
    save_figure(figure, path)


def _above_notes(figure: Figure, notes: Sequence[str]) -> SubFigure:
    """Write the notes at the bottom, a line each, and return what is above them."""
    rows = figure.add_gridspec(2, 1, height_ratios=(_HEIGHT, _NOTE * len(notes)))
    above, below = figure.add_subfigure(rows[0]), figure.add_subfigure(rows[1])
    below.text(0.01, 1, "\n".join(notes), fontsize=8, color="dimgray", va="top", **name_style())
    return above


def _draw_panels(figure: Figure | SubFigure, chart: Chart) -> None:
    figure.suptitle(readable(chart.title, _LONGEST), fontsize=11, **name_style())
    for axes, (name, lines) in zip(figure.subplots(1, len(chart.panels)), chart.panels.items(), strict=True):
        axes.set(xlabel=chart.below, ylabel=name)
        axes.grid(alpha=0.3)
        for line in lines:
            _draw(axes, line)
        _number(axes, chart)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    columns = 2 if max(map(len, labels)) <= _HALF else 1
    legend = figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8)
    for text in legend.get_texts():
        text.set(**name_style())


def _draw(axes: Axes, line: Line) -> None:
    colour, marker = COLOURS[line.colour % len(COLOURS)], MARKERS[line.colour % len(MARKERS)]
    axes.plot(
        list(line.points),
        list(line.points.values()),
        color=colour,
        linestyle="--" if line.dashed else "-",
        marker=marker,
        markersize=5,
        markerfacecolor="white" if line.dashed else colour,
        label=readable(line.label, _LONGEST),
    )
    if line.bars:
        low, high = zip(*line.bars.values(), strict=True)
        axes.vlines(list(line.bars), low, high, color=colour, alpha=0.4, linewidth=3)


def _number(axes: Axes, chart: Chart) -> None:
    if not chart.log:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        return
    axes.set_xscale("log")
    if len(chart.numbers) <= _MOST_TICKS:
        axes.set_xticks(chart.numbers)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
