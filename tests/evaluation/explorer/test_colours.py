"""Contrast (WCAG 2.2, AA) and scales that can be read without seeing hues."""

import re
from importlib.resources import files
from itertools import pairwise

import pytest
from matplotlib.colors import to_hex

from beauty_mlflow.evaluation.evaluators.confusion_matrix_figure import SCALE

ASSETS = files("beauty_mlflow.evaluation.explorer") / "assets"
STYLE = (ASSETS / "explorer.css").read_text("utf-8")
SCALES = (ASSETS / "30_scales.js").read_text("utf-8")


def luminance(colour):
    parts = [int(colour.lstrip("#")[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def variables(scheme):
    light, dark = STYLE.split("@media (prefers-color-scheme: dark)")[:2]
    text = light if scheme == "light" else dark[: dark.index("}")]
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", text))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_and_marks_be_seen(scheme):
    colours = variables(scheme)
    assert len(colours) >= 11
    for paper in ("page", "surface", "empty", "hover"):
        for ink in ("ink", "muted", "accent"):
            assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    for mark in ("right", "wrong", "accent"):
        assert contrast(colours[mark], colours["surface"]) >= 3, mark


def test_the_continuous_scales_get_steadily_darker():
    ramps = [stops.split() for stops in re.findall(r'"((?:[0-9a-f]{6} ?){8,})"', SCALES)]
    ramps += [re.findall(r"[0-9a-f]{6}", stops) for stops in re.findall(r"(?:right|wrong): \[([^\]]*)\]", SCALES)]
    assert len(ramps) == 6
    for ramp in ramps:
        steps = [luminance(colour) for colour in ramp]
        assert steps in (sorted(steps), sorted(steps, reverse=True)), ramp
        assert all(low != high for low, high in pairwise(steps))


@pytest.mark.system
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_single_picture_is_told_from_none_and_every_number_can_be_read(new_page, scheme):
    """As the browser mixes the colours, of which the lowest is all there is to see where a number has no room."""
    empty = variables(scheme)["empty"]
    ramps = new_page(scheme=scheme).evaluate(
        "([source, empty]) => new Function('paper', `${source}; mixRamps(); return ramps;`)({ empty })", [SCALES, empty]
    )
    assert set(ramps) == {"duo", "cividis", "viridis"}
    for name, kinds in ramps.items():
        for kind, steps in kinds.items():
            for step in steps:
                cell = "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", step["fill"]))
                assert contrast(cell, empty) >= 3, (name, kind, cell)
                assert contrast(cell, step["ink"]) >= 4.5, (name, kind, cell)


def test_the_thesiss_numbers_can_be_read():
    for _, cell, ink, words in SCALE:
        assert contrast(to_hex(cell), to_hex(ink)) >= 4.5, words


def test_the_thesiss_colours_and_limits_are_the_figures():
    rows = re.findall(r'\[(\d+), "(#\w+)", "(#\w+)", "([^"]+)"\]', SCALES)
    expected = [(str(low), to_hex(cell), to_hex(ink), words) for low, cell, ink, words in reversed(SCALE)]
    assert rows == expected
