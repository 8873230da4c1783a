"""A promotion in words: the same content as Markdown and as one self-contained HTML page."""

import base64
import html
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from beauty_mlflow.data.page_policy import page_policy
from beauty_mlflow.promotion.answers import Pair
from beauty_mlflow.promotion.deciding import Decision

LINES = 30  # of the table of disagreements

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { border: 1px solid #ccc; padding: .25em .6em; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
.yes { color: #17663a; font-weight: 600; } .no { color: #a01c1c; font-weight: 600; }
.pictures { display: flex; flex-wrap: wrap; gap: 1em; }
.gate th, .gate td:not(:last-child) { white-space: nowrap; }
figure { margin: 0; width: 160px; font-size: 13px; overflow-wrap: anywhere; }
figure img { max-width: 160px; max-height: 160px; }
"""


@dataclass(frozen=True)
class Example:
    """A picture on which the two models differ.

    Args:
        path: Relative to the data's folder.
        true: Its class.
        champion: What the champion says.
        candidate: What the candidate says.
        png: A small copy of it.
    """

    path: str
    true: str
    champion: str
    candidate: str
    png: bytes


@dataclass(frozen=True)
class Report:
    """All that is said about a promotion.

    Args:
        title: In one line.
        facts: What was compared, as (name, value).
        decision: What came out.
        disagreements: (true, champion's answer, candidate's answer, pictures), most pictures first.
        examples: Some of those pictures.
        notes: Sentences beside the decision's own.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    decision: Decision
    disagreements: Sequence[tuple[str, str, str, int]] = ()
    examples: Sequence[Example] = ()
    notes: Sequence[str] = ()


def disagreements(both: Pair) -> list[tuple[str, str, str, int]]:
    """Count the pictures on which the answers differ: (true, champion's, candidate's, pictures), most first."""
    rows = both.candidate.predicted != both.champion.predicted
    true, champion, candidate = both.candidate.true, both.champion.predicted, both.candidate.predicted
    counted = Counter(zip(*(one[rows].tolist() for one in (true, champion, candidate)), strict=True))
    return sorted(((*names, count) for names, count in counted.items()), key=lambda line: (-line[3], line[:3]))


def markdown(report: Report) -> str:
    """Return the report as Markdown, without the pictures."""
    decision = report.decision
    lines = [f"# {_cell(report.title)}", "", _table(["", ""], report.facts), "", "## The gate", ""]
    lines += [
        _table(
            ["condition", "met", "found"],
            [(one.name, "yes" if one.passed else "**no**", one.sentence) for one in decision.checks],
        )
    ]
    lines += ["", *(f"- {_cell(note)}" for note in (*report.notes, *decision.notes)), "", "## Figures", ""]
    lines += [_table(["figure", "value"], list(_figures(decision)))]
    if report.disagreements:
        shown = [(*names, str(count)) for *names, count in report.disagreements[:LINES]]
        lines += ["", "## Where the two differ", ""]
        lines += [_table(["class", "champion says", "candidate says", "pictures"], shown), *_left_out(report)]
    return "\n".join(lines) + "\n"


def page(report: Report) -> str:
    """Return the report as one HTML page, pictures inside."""
    decision, text = report.decision, html.escape
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{page_policy(_STYLE, "")}">',
        f"<title>{text(report.title)}</title>",
        f"<style>{_STYLE}</style><h1>{text(report.title)}</h1>",
        _rows([], report.facts),
        "<h2>The gate</h2>",
    ]
    checks = [(one.name, _mark(passed=one.passed), text(one.sentence)) for one in decision.checks]
    parts += ["<table class=gate><tr><th>condition<th>met<th>found</tr>"]
    parts += [f"<tr><td>{name}<td>{mark}<td>{words}</tr>" for name, mark, words in checks]
    parts += ["</table>", "<ul>", *(f"<li>{text(note)}</li>" for note in (*report.notes, *decision.notes)), "</ul>"]
    parts += ["<h2>Figures</h2>", _rows(["figure", "value"], list(_figures(decision)))]
    if report.disagreements:
        parts += ["<h2>Where the two differ</h2>"]
        shown = [(*names, str(count)) for *names, count in report.disagreements[:LINES]]
        parts += [_rows(["class", "champion says", "candidate says", "pictures"], shown)]
        parts += [f"<p>{text(line)}</p>" for line in _left_out(report) if line]
    if report.examples:
        parts += [f"<h2>{len(report.examples)} of these pictures</h2>", '<div class="pictures">']
        parts += [*map(_figure, report.examples), "</div>"]
    return "\n".join(parts) + "\n"


def _figures(decision: Decision) -> Iterator[tuple[str, str]]:
    for name, value in decision.figures.items():
        yield name, "unknown" if math.isnan(value) else f"{value:.4g}" if value % 1 else f"{value:.0f}"


def _left_out(report: Report) -> list[str]:
    rest = report.disagreements[LINES:]
    if not rest:
        return []
    return [
        "",
        f"Another {sum(line[3] for line in rest)} pictures differ in {len(rest)} further ways; answers.csv has all.",
    ]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(header), ["---"] * len(header), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    """Return text that stays in its cell and starts no HTML."""
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|")


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"<tr>{''.join(f'<th>{html.escape(cell)}' for cell in header)}</tr>"] if header else []
    lines += [f"<tr>{''.join(f'<td>{html.escape(cell)}' for cell in row)}</tr>" for row in rows]
    return f"<table>{''.join(lines)}</table>"


def _mark(*, passed: bool) -> str:
    return '<span class="yes">yes</span>' if passed else '<span class="no">no</span>'


def _figure(example: Example) -> str:
    picture = base64.b64encode(example.png).decode()
    words = f"{example.path}: {example.true}. Champion: {example.champion}; candidate: {example.candidate}"
    right = "candidate" if example.candidate == example.true else "champion" if example.champion == example.true else ""
    mark = f' <span class="yes">{right} is right</span>' if right else " neither is right"
    source = f"data:image/png;base64,{picture}"
    return f'<figure><img src="{source}" alt="{html.escape(example.path)}"><figcaption>{html.escape(words)}.{mark}'
