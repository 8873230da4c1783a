"""What the products of one category have in common: shape, colours, layout and lettering."""

import colorsys
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

Colour = tuple[int, int, int]

_GOLDEN = 0.618034  # steps of this share of the circle never come close to each other again
# the first word found in the category decides; other categories come in cartons
_SHAPES: Mapping[str, str] = MappingProxyType(
    {
        "toothpaste": "tube",
        "electric": "tall_carton",
        "brush": "stick",
        "pencil": "stick",
        "mascara": "stick",
        "lipliner": "flat_carton",
        "lipstick": "stick",
        "polish": "flacon",
        "fragrance": "flacon",
        "powder": "compact",
        "blush": "compact",
        "shadow": "compact",
        "mirror": "compact",
        "mask": "jar",
        "antiage": "jar",
        "cellulite": "jar",
        "firming": "jar",
        "spray": "can",
        "deodorant": "can",
        "mousse": "can",
        "shave": "can",
        "scrub": "tube",
        "sunscreen": "tube",
        "foundation": "tube",
        "concealer": "tube",
        "creamsandlotions": "tube",
        "shampoo": "bottle",
        "conditioner": "bottle",
        "liquid": "bottle",
        "lotion": "bottle",
        "toner": "bottle",
        "bath": "bottle",
        "cleanser": "bottle",
        "soaps": "flat_carton",
        "wipes": "flat_carton",
        "giftwrap": "cube",
        "kit": "cube",
        "salon": "cube",
    }
)
_CARTONS = ("tall_carton", "flat_carton", "cube")
LAYOUTS = ("band", "stripes", "diagonal", "disc", "halves", "dots", "frame", "waves")
BRANDS = (
    "AURA",
    "Belle",
    "CORALI",
    "Dew",
    "ELYS",
    "Fiora",
    "GLOW",
    "Hera",
    "IRIS",
    "Juna",
    "KALE",
    "Luz",
    "MIRA",
    "Noa",
)
DETAILS = (
    "with aloe",
    "24 hours",
    "sensitive",
    "new formula",
    "for every day",
    "no parabens",
    "vitamin E",
    "soft touch",
)
_SPECIAL = 0.3  # so many products have their colours swapped, and as many another layout than their category's
_RECOLOURED = 0.3  # so many come in colours that say nothing about their category
_SLIDES = (0.5, 0.33, 0.12, -0.2)


@dataclass(frozen=True)
class Design:
    """A category's design, or with ``vary`` one product's.

    Attributes:
        shape: A key of ``shapes.SHAPES``.
        layout: One of ``LAYOUTS``.
        words: The category's words.
        hue: Of the pack, 0 to 1.
        accent_hue: Of decoration and cap.
        lightness: Of the pack, 0 to 1.
        saturation: Of the pack, 0 to 1.
        position: Where the lettering stands, 0 at the top to 1 at the bottom.
        brand: A made-up name.
        detail: Small print.
    """

    shape: str
    layout: str
    words: tuple[str, ...]
    hue: float
    accent_hue: float
    lightness: float
    saturation: float
    position: float
    brand: str = BRANDS[0]
    detail: str = DETAILS[0]

    @property
    def pack(self) -> Colour:
        """Colour of the pack."""
        return colour(self.hue, self.lightness, self.saturation)

    @property
    def accent(self) -> Colour:
        """Colour of decoration and cap."""
        return colour(self.accent_hue, 0.85 - 0.6 * self.lightness, 0.7)

    @property
    def ink(self) -> Colour:
        """Colour of the lettering, dark on a light pack and light on a dark one."""
        return colour(self.hue, 0.12 if self.lightness > 0.5 else 0.95, 0.5)  # noqa: PLR2004 - half way

    def vary(self, random: Random) -> "Design":
        """Return the design of one product: another brand and print, colours somewhat off, or a special edition's."""
        special = random.random() < _SPECIAL
        hue, accent_hue = (self.accent_hue, self.hue) if special else (self.hue, self.accent_hue)
        if random.random() < _RECOLOURED:
            hue, accent_hue = random.random(), random.random()
        return Design(
            shape=self.shape,
            layout=_pick(random, LAYOUTS) if random.random() < _SPECIAL else self.layout,
            words=self.words,
            hue=(hue + random.uniform(-0.08, 0.08)) % 1,
            accent_hue=(accent_hue + random.uniform(-0.12, 0.12)) % 1,
            lightness=self.lightness + random.uniform(-0.07, 0.07),
            saturation=self.saturation * random.uniform(0.75, 1.1),
            position=self.position + random.uniform(-0.08, 0.08),
            brand=_pick(random, BRANDS),
            detail=_pick(random, DETAILS),
        )


def design_of(category: str, family_number: int, number: int) -> Design:
    """Return the design of the ``number``-th category of a family; both count from 0.

    A family shares its hue, as brands' product lines do; its categories differ in the rest.
    """
    name = category.partition("_")[2] or category
    hue = (family_number * _GOLDEN) % 1
    lightness = (0.42, 0.72, 0.3, 0.6, 0.82)[(family_number + number) % 5]
    return Design(
        shape=_shape(name, family_number + number),
        layout=LAYOUTS[(3 * family_number + 5 * number) % len(LAYOUTS)],
        words=tuple(re.findall(r"[A-Z][a-z]*|[a-z]+", name))[:3],
        hue=(hue + 0.04 * (number % 3)) % 1,
        accent_hue=(hue + _SLIDES[(family_number + number) % len(_SLIDES)]) % 1,
        lightness=lightness,
        saturation=(0.75, 0.5, 0.62)[number % 3],
        position=(0.25, 0.5, 0.68)[(family_number + 2 * number) % 3],
    )


def colour(hue: float, lightness: float, saturation: float) -> Colour:
    """Return red, green, blue in 0 … 255."""
    red, green, blue = colorsys.hls_to_rgb(hue % 1, min(max(lightness, 0), 1), min(max(saturation, 0), 1))
    return round(255 * red), round(255 * green), round(255 * blue)


def _shape(name: str, number: int) -> str:
    found = [shape for word, shape in _SHAPES.items() if word in name.lower()]
    return found[0] if found else _CARTONS[number % len(_CARTONS)]


def _pick(random: Random, choices: Sequence[str]) -> str:
    return choices[int(random.random() * len(choices))]
