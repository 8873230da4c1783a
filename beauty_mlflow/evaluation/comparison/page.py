"""A comparison as one HTML page: figures that one can point at, and the table. It needs no network."""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from beauty_mlflow import interactive
from beauty_mlflow.data.page_policy import page_policy
from beauty_mlflow.evaluation.comparison.charts import Chart, Line
from beauty_mlflow.evaluation.comparison.pictures import COLOURS
from beauty_mlflow.evaluation.comparison.table import HEADINGS

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1200px; margin: 2em auto; padding: 0 1em; color: #222; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; }
td, th { border: 1px solid #ccc; padding: .2em .5em; text-align: right; white-space: nowrap; }
th { background: #f3f3f3; } td:nth-child(-n+3), th:nth-child(-n+3) { text-align: left; }
td:first-child, td:nth-child(2) { white-space: normal; overflow-wrap: anywhere; min-width: 14em; }
td:last-child { font-family: monospace; }
.plotly-graph-div { height: 480px; }
"""
_LEGEND = (
    "Dashed: training, in the kept epoch. Solid: validation, with its 95 % interval. Click a name in a legend to hide "
    "its line."
)
_MOST_TICKS = 20
_SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross")


@dataclass(frozen=True)
class Page:
    """All that the page says.

    Attributes:
        title: In one line.
        charts: The figures.
        rows: The table's, below ``HEADINGS``.
        absent: What couldn't be drawn or wasn't compared, a sentence each.
    """

    title: str
    charts: Sequence[Chart]
    rows: Sequence[Sequence[str]]
    absent: Sequence[str]


def write_page(page: Page) -> str:
    """Return the page's HTML.

    Names in it can't become markup or script, and its policy lets no script run but its own, and nothing be fetched.
    """
    text = html.escape
    script = interactive.script() if page.charts else ""
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{page_policy(_STYLE, script, drawing=True)}">',
        f"<title>{text(page.title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{text(page.title)}</h1>",
        f"<p>{_LEGEND}</p>",
        *_charts(page.charts),
    ]
    if page.absent:
        parts += ["<h2>Not drawn, not compared</h2><ul>", *(f"<li>{text(one)}</li>" for one in page.absent), "</ul>"]
    parts += ['<h2>Trainings</h2><div class="wide"><table><thead><tr>']
    parts += [*(f'<th scope="col">{heading}</th>' for heading in HEADINGS), "</tr></thead><tbody>"]
    parts += [f"<tr>{''.join(f'<td>{text(cell)}</td>' for cell in row)}</tr>" for row in page.rows]
    parts += ["</tbody></table></div>", f"<script>{script}</script>", "</body></html>"]
    return "\n".join(parts) + "\n"


def _charts(charts: Sequence[Chart]) -> Iterator[str]:
    for chart in charts:
        yield f"<h2>{html.escape(chart.title)}</h2>"
        yield interactive.element(_figure(chart))
        yield "".join(f"<p>{html.escape(note)}</p>" for note in chart.notes)


def _figure(chart: Chart) -> Any:  # noqa: ANN401 - plotly is untyped
    from plotly.subplots import make_subplots  # type: ignore[import-untyped]

    figure = make_subplots(rows=1, cols=len(chart.panels), subplot_titles=list(chart.panels))
    for column, lines in enumerate(chart.panels.values(), start=1):
        for line in lines:
            figure.add_trace(_trace(line, legend=column == 1), row=1, col=column)
    figure.update_layout(
        template="plotly_white", legend={"orientation": "h", "y": -0.2}, margin={"t": 40, "r": 10, "l": 50, "b": 40}
    )
    axis: dict[str, object] = {"type": "log", "tickformat": ",d"} if chart.log else {"tickformat": "d"}
    if len(chart.numbers) <= _MOST_TICKS:
        axis["tickvals"] = chart.numbers
    figure.update_xaxes(title=chart.below, **axis)
    return figure


def _trace(line: Line, *, legend: bool) -> Any:  # noqa: ANN401 - plotly is untyped
    from plotly.graph_objects import Scatter  # type: ignore[import-untyped]

    colour = COLOURS[line.colour % len(COLOURS)]
    name = html.escape(line.label, quote=False)  # plotly takes markup in names, but doesn't know &quot;
    values = list(line.points.values())
    bars = [line.bars.get(number, (value, value)) for number, value in line.points.items()]
    return Scatter(
        x=list(line.points),
        y=values,
        name=name,
        legendgroup=name,
        showlegend=legend,
        mode="lines+markers",
        line={"color": colour, "dash": "dash" if line.dashed else "solid"},
        marker={"symbol": _SYMBOLS[line.colour % len(_SYMBOLS)] + ("-open" if line.dashed else ""), "size": 8},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [high - value for value, (_, high) in zip(values, bars, strict=True)],
            "arrayminus": [value - low for value, (low, _) in zip(values, bars, strict=True)],
            "visible": bool(line.bars),
        },
        hovertemplate="%{x}: %{y:.4f}<extra>%{fullData.name}</extra>",
    )
