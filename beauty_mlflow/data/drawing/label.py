"""The flat print of a pack: colours, decoration, lettering."""

import math
from collections.abc import Callable, Mapping
from functools import cache
from random import Random
from types import MappingProxyType

from PIL import Image, ImageDraw, ImageFont

from beauty_mlflow.data.drawing.design import Colour, Design

_MEASURED = 40  # the font size at which a line's width is measured


def draw_label(design: Design, size: tuple[int, int], random: Random) -> Image.Image:
    """Draw a label of (width, height) pixels."""
    label = Image.new("RGB", size, design.pack)
    draw = ImageDraw.Draw(label)
    _LAYOUTS[design.layout](draw, size, design.accent, random)
    _letter(draw, size, design, random)
    return label


def _letter(draw: ImageDraw.ImageDraw, size: tuple[int, int], design: Design, random: Random) -> None:
    width, height = size
    lines = [(design.brand, 0.5), *((word, 0.74) for word in design.words), (design.detail, 0.42)]
    fonts = [_font_for(text, width * share, height * 0.12) for text, share in lines]
    block = sum(font.size for font in fonts) * 1.2
    top = min(max(design.position * height - block / 2, height * 0.04), height * 0.86 - block)
    plate = [width * 0.08, top - height * 0.02, width * 0.92, top + block + height * 0.02]
    draw.rounded_rectangle(plate, radius=width * 0.04, fill=design.pack, outline=design.ink, width=max(1, width // 120))
    for (text, _), font in zip(lines, fonts, strict=True):
        draw.text((width / 2, top), text, fill=design.ink, font=font, anchor="mt")
        top += font.size * 1.2
    volume = f"{25 * (1 + int(random.random() * 16))} ml"
    draw.text((width / 2, height * 0.97), volume, fill=design.ink, font=_font(max(8, width // 14)), anchor="mb")


def _font_for(text: str, width: float, height: float) -> ImageFont.FreeTypeFont:
    return _font(max(7, round(min(_MEASURED * width / _font(_MEASURED).getlength(text), height))))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("this Pillow was built without FreeType; install Pillow's own wheel")
    return font


Layout = Callable[[ImageDraw.ImageDraw, tuple[int, int], Colour, Random], None]


def _band(draw: ImageDraw.ImageDraw, size: tuple[int, int], accent: Colour, random: Random) -> None:
    width, height = size
    top = height * random.uniform(0.72, 0.8)
    draw.rectangle([0, top, width, top + height * 0.14], fill=accent)
    draw.rectangle([0, 0, width, height * 0.1], fill=accent)


def _stripes(draw: ImageDraw.ImageDraw, size: tuple[int, int], accent: Colour, random: Random) -> None:
    width, height = size
    step = width / random.uniform(6, 9)
    for number in range(int(width / step) + 1):
        draw.rectangle([number * step, 0, (number + 0.45) * step, height], fill=accent)


def _diagonal(draw: ImageDraw.ImageDraw, size: tuple[int, int], accent: Colour, random: Random) -> None:
    width, height = size
    left, right = height * random.uniform(0.5, 0.7), height * random.uniform(0.2, 0.35)
    draw.polygon([(0, left), (width, right), (width, height), (0, height)], fill=accent)


def _disc(draw: ImageDraw.ImageDraw, size: tuple[int, int], accent: Colour, random: Random) -> None:
    width, height = size
    radius = min(width, height) * random.uniform(0.42, 0.5)
    x, y = width * random.uniform(0.4, 0.6), height * random.uniform(0.4, 0.6)
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=accent)


def _halves(draw: ImageDraw.ImageDraw, size: tuple[int, int], accent: Colour, random: Random) -> None:
    width, height = size
    draw.rectangle([0, 0, width * random.uniform(0.42, 0.55), height], fill=accent)


def _dots(draw: ImageDraw.ImageDraw, size: tuple[int, int], accent: Colour, random: Random) -> None:
    width, height = size
    step = width / random.uniform(4.5, 6.5)
    for row in range(int(height / step) + 1):
        for column in range(int(width / step) + 2):
            x, y = (column - 0.5 * (row % 2)) * step, row * step
            draw.ellipse([x, y, x + step * 0.55, y + step * 0.55], fill=accent)


def _frame(draw: ImageDraw.ImageDraw, size: tuple[int, int], accent: Colour, random: Random) -> None:
    width, height = size
    thick = min(width, height) * random.uniform(0.07, 0.1)
    draw.rectangle([thick / 2, thick / 2, width - thick / 2, height - thick / 2], outline=accent, width=round(thick))


def _waves(draw: ImageDraw.ImageDraw, size: tuple[int, int], accent: Colour, random: Random) -> None:
    width, height = size
    phase, step = random.uniform(0, 6), height / 7
    for row in range(8):
        points = [(x, row * step + math.sin(phase + x * 12 / width) * step * 0.3) for x in range(0, width + 8, 8)]
        draw.line(points, fill=accent, width=round(step * 0.3), joint="curve")


_LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        "band": _band,
        "stripes": _stripes,
        "diagonal": _diagonal,
        "disc": _disc,
        "halves": _halves,
        "dots": _dots,
        "frame": _frame,
        "waves": _waves,
    }
)
