"""What the figures of a comparison show, apart from how they are drawn."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from beauty_mlflow.evaluation.comparison.compared import Accuracy, Compared
from beauty_mlflow.evaluation.comparison.series import Series, by_data, by_depth, by_pictures

MOST_SERIES = 6  # in one figure; more can't be told apart
DEPTH = "blocks trained, from the top"
PICTURES = "training pictures"
WEIGHED = (
    "A training loss is what was minimised, here with label smoothing or class weights: no plain cross-entropy, as the "
    "validation loss is, so that the two aren't to be compared."
)
POINTS = ("figure", "panel", "line", "below", "value", "low", "high")


@dataclass(frozen=True)
class Line:
    """One line of a panel.

    Attributes:
        label: For the legend.
        points: The values by what is below them, rising.
        bars: The ends of each value's 95 % interval, where there is one.
        colour: The number of its colour.
        dashed: Whether it is one of the training pictures'.
    """

    label: str
    points: Mapping[int, float]
    bars: Mapping[int, tuple[float, float]]
    colour: int
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """A figure of two panels, accuracy and loss.

    Attributes:
        name: For its file.
        title: Above it.
        below: What the horizontal axis is.
        panels: Each one's lines, by what its vertical axis is.
        notes: What must be said about it.
        log: Whether the horizontal axis is logarithmic.
    """

    name: str
    title: str
    below: str
    panels: Mapping[str, Sequence[Line]]
    notes: Sequence[str] = ()
    log: bool = False

    @property
    def numbers(self) -> list[int]:
        """What there are points above, rising."""
        return sorted({number for lines in self.panels.values() for line in lines for number in line.points})


@dataclass(frozen=True)
class Pair:
    """One series of all classes and one of their groups, on the same pictures.

    Attributes:
        full: With all classes.
        grouped: With groups of them.
        summed: By depth, what ``full`` comes to on the groups when the probabilities of a group's classes are summed.
        losses: By depth, the loss of the same sums.
        missing: Why a depth's sums aren't there, and how many depths.
    """

    full: Series
    grouped: Series
    summed: Mapping[int, Accuracy]
    losses: Mapping[int, float]
    missing: Mapping[str, int]


def depth_charts(compared: Sequence[Compared]) -> list[Chart]:
    """Return a figure for each data that was trained on at several depths (thesis, figures 4.2 and 5.4)."""
    title = "Accuracy and loss against depth"
    return [_chart("depth", title, DEPTH, group) for group in by_data(by_depth(compared))]


def learning_charts(compared: Sequence[Compared]) -> list[Chart]:
    """Return a figure for each data that was trained on with several numbers of pictures."""
    found = by_data(replace(one, label=f"{one.label}{_depth(one.any.blocks)}") for one in by_pictures(compared))
    title = "Accuracy and loss against training pictures"
    return [replace(_chart("learning", title, PICTURES, group), log=True) for group in found]


def pair_chart(pair: Pair) -> Chart:
    """Return the figure of all classes against their groups (thesis, figure 6.1), with the control that it lacks."""
    full, grouped = pair.full.any.data, pair.grouped.any.data
    chart = _chart_of(
        "full_against_grouped",
        f"{full} against {grouped}",
        DEPTH,
        _distinct([replace(pair.full, label=full), replace(pair.grouped, label=grouped)]),
        [f"{pair.full.label}; both on the same pictures."],
    )
    label = f"{full}, summed into groups, validation"
    bars = {depth: _ends(one) for depth, one in pair.summed.items()}
    values = {depth: one.value for depth, one in pair.summed.items()}
    added = {
        "accuracy": Line(label, values, {depth: ends for depth, ends in bars.items() if ends}, 2),
        "loss": Line(label, pair.losses, {}, 2),
    }
    panels = {name: [*lines, *([added[name]] if values else [])] for name, lines in chart.panels.items()}
    missing = [f"Depths without the control, {reason}: {count}." for reason, count in pair.missing.items()]
    return replace(chart, panels=panels, notes=[*chart.notes, *missing])


def _chart(kind: str, title: str, below: str, group: Sequence[Series]) -> Chart:
    data = group[0].any.data
    shown, rest = group[:MOST_SERIES], group[MOST_SERIES:]
    notes = [f"Series not drawn, as no more than {MOST_SERIES} can be told apart: {len(rest)}."] if rest else []
    words = re.sub(r"[^a-z0-9]+", "-", data.lower())[:40].strip("-")
    name = f"{kind}_{words}" if words else kind
    return _chart_of(name, f"{title}: {data}", below, _distinct(shown), notes)


def _chart_of(name: str, title: str, below: str, group: Sequence[Series], notes: Sequence[str]) -> Chart:
    panels = {
        "accuracy": [line for colour, one in enumerate(group) for line in _accuracies(one, colour)],
        "loss": [line for colour, one in enumerate(group) for line in _losses(one, colour)],
    }
    passed = sum(one.passed_over for one in group)
    note = f"Not drawn, as another training at the same place has a better best_val_accuracy: {passed}."
    weighed = any(not point.plain_loss for one in group for point in one.points.values() if point.loss is not None)
    return Chart(name, title, below, panels, [*notes, *([note] if passed else []), *([WEIGHED] if weighed else [])])


def _accuracies(series: Series, colour: int) -> Iterator[Line]:
    training = {number: one.accuracy for number, one in series.points.items() if one.accuracy is not None}
    found = {number: one.val_accuracy for number, one in series.points.items()}
    bars = {number: ends for number, one in found.items() if (ends := _ends(one))}
    yield Line(f"{series.label}, training", training, {}, colour, dashed=True)
    yield Line(f"{series.label}, validation", {number: one.value for number, one in found.items()}, bars, colour)


def _losses(series: Series, colour: int) -> Iterator[Line]:
    training = {number: one.loss for number, one in series.points.items() if one.loss is not None}
    found = {number: one.val_loss for number, one in series.points.items() if one.val_loss is not None}
    yield Line(f"{series.label}, training", training, {}, colour, dashed=True)
    yield Line(f"{series.label}, validation", found, {}, colour)


def _ends(accuracy: Accuracy) -> tuple[float, float] | None:
    return None if accuracy.low is None or accuracy.high is None else (accuracy.low, accuracy.high)


def _distinct(group: Sequence[Series]) -> list[Series]:
    """Add the number of training pictures to the labels where it tells series apart; number those still equal."""
    labels = Counter(one.label for one in group)
    pictures = [
        replace(one, label=f"{one.label}, {one.any.train_pictures} pictures") if labels[one.label] > 1 else one
        for one in group
    ]
    names = _numbered([one.label for one in pictures], "{} ({})")
    return [replace(one, label=name) for one, name in zip(pictures, names, strict=True)]


def _depth(blocks: int | None) -> str:
    return "" if blocks is None else f", {blocks} blocks"


def points(charts: Sequence[Chart]) -> Iterator[tuple[str | int | float, ...]]:
    """Yield all that is drawn, below ``POINTS``."""
    for chart in charts:
        for panel, lines in chart.panels.items():
            for line in lines:
                for number, value in line.points.items():
                    yield chart.name, panel, line.label, number, value, *line.bars.get(number, ("", ""))


def distinct_names(charts: Sequence[Chart]) -> list[Chart]:
    """Number the charts that would be called alike."""
    names = _numbered([chart.name for chart in charts], "{}_{}")
    return [replace(chart, name=name) for chart, name in zip(charts, names, strict=True)]


def _numbered(names: Sequence[str], form: str) -> list[str]:
    """Return the names, from its second time on each with its number in that form."""
    seen = Counter[str]()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(form.format(name, seen[name]) if seen[name] > 1 else name)
    return numbered
