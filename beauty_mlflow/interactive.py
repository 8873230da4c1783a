"""Plotly's figures in a page of ours: values to point at, and one script for all of them, which a policy can know."""

from typing import Any

_DRAWING = """
for (const figure of document.querySelectorAll(".plotly-graph-div")) {
  const { data, layout } = JSON.parse(figure.nextElementSibling.textContent);
  Plotly.newPlot(figure, data, layout, { responsive: true, displaylogo: false });
}
"""


def element(figure: Any) -> str:  # noqa: ANN401 - plotly is untyped
    """Return the HTML of the place where a figure is drawn, with what is drawn as JSON that holds no markup."""
    return f'<div class="plotly-graph-div"></div><script type="application/json">{figure.to_json()}</script>'


def script() -> str:
    """Return the script for the end of a page: the drawing library, and what draws all the figures with it."""
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

    return f"{get_plotlyjs()}\n{_DRAWING}"
