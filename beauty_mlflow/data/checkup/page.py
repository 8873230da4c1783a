"""A check-up as one HTML page: no network, pictures inside, every name escaped; works without its script."""

from collections.abc import Iterator
from html import escape

import pandas as pd

from beauty_mlflow.data.checkup.assets import SCRIPT, STYLE
from beauty_mlflow.data.checkup.checking import Checkup, Finding
from beauty_mlflow.data.checkup.classes import class_table
from beauty_mlflow.data.checkup.findings import NOBODY, Findings
from beauty_mlflow.data.checkup.kinds import (
    BROKEN,
    CHANGED,
    EXACT_OTHER_PART,
    KINDS,
    NEAR_OTHER_PART,
    PRODUCT_OTHER_PART,
    Kind,
)
from beauty_mlflow.data.checkup.notes import class_sizes, formats, sizes
from beauty_mlflow.data.checkup.thumbnails import Thumbnails
from beauty_mlflow.data.page_policy import page_policy
from beauty_mlflow.data.splits.manifest import PARTS
from beauty_mlflow.progress import Progress

MARK = '<meta name="generator" content="beauty check">'
SHOWN = 24  # findings of a kind
BUDGET = 6_000_000  # bytes of pictures
_CLASSES = 300
_NAME = 160  # letters of a path or class that are shown
_BAR = 120  # pixels


def page(checkup: Checkup, progress: Progress, budget: int = BUDGET) -> str:
    """Return the page; what doesn't fit into it is in findings.csv, and the page says so."""
    thumbnails = Thumbnails(checkup.folder, _shown_paths(checkup), budget, progress)
    parts = [*_head(checkup), *_summary(checkup), *_contents(checkup)]
    parts += [*_broken(checkup)] if checkup.broken else []
    for found in checkup.found:
        parts += [*_section(checkup, found, thumbnails)] if len(found) else []
    parts += _classes(class_table(checkup))
    if thumbnails.left_out:
        parts.append(
            f"<p class=note>{thumbnails.left_out} pictures were left out of this page so that it stays below "
            f"{budget / 1e6:.3g} MB; findings.csv names all.</p>"
        )
    if thumbnails.outages:
        parts.append(
            f"<p class=note>{len(thumbnails.outages)} pictures aren't shown because they couldn't be fetched again: "
            f"{_text(thumbnails.outages[0])}</p>"
        )
    return "\n".join(parts) + "\n"


def _head(checkup: Checkup) -> Iterator[str]:
    yield "<!doctype html>"
    yield f'<html lang="en"><head><meta charset="utf-8">{MARK}'
    yield f'<meta http-equiv="Content-Security-Policy" content="{page_policy(STYLE, SCRIPT)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>Check-up of {_text(checkup.name)}</title><style>{STYLE}</style>"
    yield f"<script>{SCRIPT}</script></head><body>"
    yield f"<h1>Check-up of {_name(checkup.name)}</h1>"


def _summary(checkup: Checkup) -> Iterator[str]:
    table = checkup.table
    counted = table["part"].value_counts()
    facts = {
        "pictures": f"{len(table):,}",
        "parts": ", ".join(f"{counted[part]:,} {part}" for part in PARTS if part in counted),
        "classes": f"{table['class'].nunique()}; pictures a class: {class_sizes(table)}",
        "formats": formats(table),
        "sizes": sizes(table),
        "can't be used": f"{len(checkup.broken):,} files" if checkup.broken else "",
    }
    yield "<table class=facts>"
    yield from (f"<tr><th scope=row>{what}</th><td>{_text(words)}</td></tr>" for what, words in facts.items() if words)
    yield "</table>"
    if checkup.notes:
        yield f"<ul class=notes>{''.join(f'<li>{_text(note)}</li>' for note in checkup.notes)}</ul>"


def _contents(checkup: Checkup) -> Iterator[str]:
    found = [(kind, count) for kind, count in checkup.counts.items() if count]
    yield "<h2>What to do</h2>"
    if not found:
        yield "<p class=good>Nothing was found.</p>"
        return
    yield "<table class=todo><thead><tr><th>found</th><th>what</th><th>what to do</th></tr></thead><tbody>"
    for kind, count in found:
        mark = ' class="serious"' if kind.serious else ""
        yield f"<tr{mark}><td class=number>{count:,}</td><td>{_link(kind)}</td><td>{escape(kind.advice)}</td></tr>"
    yield "</tbody></table>"
    clean = [kind.title.partition(":")[0] for kind in _looked_for(checkup) if not checkup.counts[kind]]
    yield f"<p class=note>Looked for, and not found: {escape('; '.join(clean))}.</p>" if clean else ""


def _looked_for(checkup: Checkup) -> list[Kind]:
    has = {column: bool((checkup.table[column] != "").any()) for column in ("part", "product")}
    pointless = {
        CHANGED: not checkup.is_split,
        EXACT_OTHER_PART: not has["part"],
        NEAR_OTHER_PART: not has["part"],
        PRODUCT_OTHER_PART: not (has["part"] and has["product"]),
    }
    return [kind for kind in KINDS if not pointless.get(kind)]


def _broken(checkup: Checkup) -> Iterator[str]:
    yield _heading(BROKEN, len(checkup.broken))
    yield "<table><thead><tr><th>file</th><th>class</th><th>why</th></tr></thead><tbody>"
    for line in checkup.broken[: 4 * SHOWN]:
        where = _place(line.class_name, line.part)
        yield f"<tr><td>{_name(line.path)}</td><td>{where}</td><td>{_text(line.detail)}</td></tr>"
    yield f"</tbody></table>{_more(len(checkup.broken) - 4 * SHOWN)}"


def _section(checkup: Checkup, found: Findings, thumbnails: Thumbnails) -> Iterator[str]:
    places, covered = _chosen(found)
    yield _heading(found.kind, len(found))
    yield "<div class=pictures>"
    for place, line in zip(places, checkup.described(found, places), strict=True):
        other = found.others[place]
        yield _figure(line, None if other == NOBODY else checkup.table.iloc[other], thumbnails)
    yield f"</div>{_more(len(found) - covered)}"


def _chosen(found: Findings) -> tuple[list[int], int]:
    """Return the places of the findings that are shown, and how many these cover: a pair is shown once."""
    places: list[int] = []
    covered: set[tuple[int, int]] = set()
    for place, (row, other) in enumerate(zip(found.rows.tolist(), found.others.tolist(), strict=True)):
        if (other, row) not in covered:
            if len(places) == SHOWN:
                break
            places.append(place)
        covered.add((row, other))
    return places, len(covered)


def _shown_paths(checkup: Checkup) -> list[str]:
    rows: dict[int, None] = {}
    for found in checkup.found:
        for place in _chosen(found)[0]:
            rows |= dict.fromkeys((int(found.rows[place]), int(found.others[place])))
    return [checkup.table["path"].iloc[row] for row in rows if row != NOBODY]


def _figure(line: Finding, other: "pd.Series[str] | None", thumbnails: Thumbnails) -> str:
    where, images = _place(line.class_name, line.part), _image(line.path, thumbnails)
    if other is not None:
        images += _image(other["path"], thumbnails)
        there = _place(other["class"], other["part"])
        where += f" \u2194 {there}" if there != where else ""
    wide = "" if other is None else ' class="pair"'
    return (
        f"<figure{wide}><div>{images}</div><figcaption><b>{where}</b><br>{_name(line.path)}"
        f"<br><span>{_text(line.detail)}</span></figcaption></figure>"
    )


def _place(class_name: str, part: str) -> str:
    return f"{_name(class_name)}{f' · {part}' if part else ''}"


def _image(path: str, thumbnails: Thumbnails) -> str:
    uri = thumbnails.of(path)
    return f'<img src="{uri}" alt="{_text(path)}">' if uri else "<i>not shown</i>"


def _classes(table: pd.DataFrame) -> Iterator[str]:
    found = table[[kind.name for kind in KINDS]].sum(axis=1)
    has_parts = bool(table[list(PARTS)].to_numpy().sum())
    columns = ["pictures", *(PARTS if has_parts else ()), "findings"]
    table = table.assign(findings=found).sort_values(["pictures", "class"], ascending=[False, True])
    largest = max(1, int(table["pictures"].max()))
    yield f'<h2 id="classes">Classes</h2><table class=classes><thead><tr><th>class</th><th></th>{_cells("th", columns)}'
    yield "</tr></thead><tbody>"
    for row in table.head(_CLASSES).to_dict("records"):
        width = round(_BAR * int(row["pictures"]) / largest, 1)
        bar = f'<svg width="{_BAR}" height="10" aria-hidden="true"><rect width="{width}" height="10"/></svg>'
        name = _name(str(row["class"])) if row["class"] else "<i>of no known class</i>"
        cells = _cells("td", [f"{row[column]:,}" for column in columns])
        yield f"<tr><th scope=row>{name}</th><td>{bar}</td>{cells}</tr>"
    yield f"</tbody></table>{_more(len(table) - _CLASSES, 'classes.csv')}"


def _cells(tag: str, texts: list[str]) -> str:
    return "".join(f"<{tag} class=number>{text}</{tag}>" for text in texts)


def _heading(kind: Kind, count: int) -> str:
    return (
        f'<h2 id="{kind.name}">{escape(kind.title)} <small>{count:,}</small></h2><p>{escape(kind.advice)} '
        f"<small><code>{kind.name}</code> in findings.csv</small></p>"
    )


def _link(kind: Kind) -> str:
    return f'<a href="#{kind.name}">{escape(kind.title)}</a>'


def _more(count: int, where: str = "findings.csv") -> str:
    return f"<p class=note>{count:,} more are in {where}.</p>" if count > 0 else ""


def _name(name: str) -> str:
    """Return a name that neither runs as anything nor turns the text round it, the middle of a long one left out."""
    return f"<bdi>{_text(name if len(name) <= _NAME else f'{name[: _NAME // 2]}…{name[-_NAME // 2 :]}')}</bdi>"


def _text(text: str) -> str:
    return escape("".join(letter if letter.isprintable() else "�" for letter in text))
