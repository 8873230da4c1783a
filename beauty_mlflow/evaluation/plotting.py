"""What all figures share. No pyplot: its global state grows with every figure and belongs to one thread."""

from functools import cache
from pathlib import Path
from typing import Any

from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from beauty_mlflow.files import atomic_path

LONGEST_NAME = 40
DPI = 100
_COMPRESSION = 3  # files are a tenth larger than with zlib's 6, and written in a third of the time
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


def new_figure(width: float, height: float, *, arranged: bool = True) -> Figure:
    """Return an empty figure.

    Args:
        width: In inches of 100 pixels.
        height: In the same.
        arranged: Whether it arranges what is put on it without overlaps. That takes seconds for a figure with
            hundreds of texts: one whose places can be reckoned does without.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, compress=True) if arranged else None
    return Figure(figsize=(width, height), dpi=DPI, layout=layout)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, atomically."""
    canvas = FigureCanvasAgg(figure)  # figure.savefig would draw everything once more
    if figure.get_layout_engine():
        figure.draw_without_rendering()  # the titles of axes find their final place at the second drawing only
    with atomic_path(path) as temporary:
        canvas.print_png(temporary, pil_kwargs={"compress_level": _COMPRESSION})


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
