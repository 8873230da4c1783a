"""What all figures share. No pyplot: its global state grows with every figure and belongs to one thread."""

from functools import cache
from pathlib import Path
from typing import Any

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from beauty_mlflow.files import atomic_path

LONGEST_NAME = 40
_FONT = "DejaVu Sans"  # comes with matplotlib
_FALLBACKS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans",
    "PingFang SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Arial Unicode MS",
)


def new_figure(width: float, height: float, dpi: int = 100) -> Figure:
    """Return an empty figure of that many inches which arranges what is put on it without overlaps."""
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, compress=True)
    return Figure(figsize=(width, height), dpi=dpi, layout=layout)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, atomically."""
    figure.draw_without_rendering()  # the titles of axes find their final place at the second drawing only
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def name_style() -> dict[str, Any]:
    """Return the text properties for names: no formulas between $ signs, and every font that helps."""
    return {"parse_math": False, "fontfamily": list(_families())}


def readable(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a name as a figure can show it.

    What no font can draw becomes a box, a line break a space; the middle of a long name becomes an ellipsis
    (the tables have it whole).
    """
    drawable = _drawable()
    text = "".join(c if c.isprintable() and ord(c) in drawable else " " if c.isspace() else "□" for c in name)
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[: longest - 1 - half]}…{text[-half:]}"


@cache
def _families() -> tuple[str, ...]:
    installed = set(font_manager.get_font_names())
    return (_FONT, *(family for family in _FALLBACKS if family in installed))


@cache
def _drawable() -> frozenset[int]:
    fonts = (font_manager.get_font(font_manager.findfont(family)) for family in _families())
    return frozenset(code for font in fonts for code in font.get_charmap())
