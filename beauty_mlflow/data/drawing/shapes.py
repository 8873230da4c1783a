"""Products in three dimensions, as the camera sees them: cartons with three faces, and round packs."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image

from beauty_mlflow.data.drawing.design import Design
from beauty_mlflow.data.drawing.label import draw_label

_HEIGHT = 400  # pixels of a drawn product; the scene scales it
Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Carton:
    """A box; relative lengths."""

    width: float
    height: float
    depth: float


@dataclass(frozen=True)
class Vessel:
    """A round pack.

    Attributes:
        aspect: Width by height.
        outline: (position from top 0 to bottom 1, half width 0 to 1) of the whole.
        cap: How far the cap reaches from the top; 0 has none, 1 is all cap.
        at_bottom: Whether the cap is below, as a tube's.
        round_face: Whether one looks at the round lid from above, as at a compact's.
    """

    aspect: float
    outline: tuple[tuple[float, float], ...]
    cap: float
    at_bottom: bool = False
    round_face: bool = False


SHAPES: Mapping[str, Carton | Vessel] = MappingProxyType(
    {
        "tall_carton": Carton(0.5, 1.0, 0.35),
        "flat_carton": Carton(1.0, 0.55, 0.3),
        "cube": Carton(0.8, 0.8, 0.8),
        "tube": Vessel(0.42, ((0, 1), (0.05, 1), (0.8, 0.72), (0.81, 0.5), (1, 0.5)), cap=0.19, at_bottom=True),
        "bottle": Vessel(0.45, ((0, 0.4), (0.16, 0.4), (0.17, 0.5), (0.3, 1), (0.97, 1), (1, 0.92)), cap=0.16),
        "flacon": Vessel(0.68, ((0, 0.34), (0.24, 0.34), (0.25, 0.22), (0.32, 0.22), (0.36, 1), (1, 0.9)), cap=0.24),
        "jar": Vessel(1.25, ((0, 0.94), (0.03, 1), (0.3, 1), (0.31, 0.94), (0.9, 0.94), (1, 0.8)), cap=0.3),
        "can": Vessel(0.36, ((0, 0.5), (0.05, 0.75), (0.22, 0.78), (0.23, 1), (0.97, 1), (1, 0.93)), cap=0.22),
        "stick": Vessel(0.26, ((0, 0.85), (0.02, 1), (0.4, 1), (0.41, 0.88), (0.98, 0.88), (1, 0.8)), cap=0.4),
        "compact": Vessel(1.0, (), cap=0, round_face=True),
    }
)


def draw_product(design: Design, random: Random) -> Image.Image:
    """Draw one product of a design; RGBA, cut out."""
    shape = SHAPES[design.shape]
    drawn = _carton(shape, design, random) if isinstance(shape, Carton) else _vessel(shape, design, random)
    return drawn.crop(drawn.getbbox())


def _carton(shape: Carton, design: Design, random: Random) -> Image.Image:
    size = np.array([shape.width, shape.height, shape.depth]) * [random.uniform(0.92, 1.08) for _ in range(3)]
    yaw = random.uniform(0.2, 0.75) * (1 if random.random() < 0.6 else -1)  # noqa: PLR2004 - more often from the left
    corners = _project(size, yaw, random.uniform(0.12, 0.45))
    front = draw_label(design, _pixels(size[0], size[1]), random)
    side = Image.new("RGB", _pixels(size[2], size[1]), design.pack)
    side.paste(design.accent, (0, round(side.height * 0.75), side.width, round(side.height * 0.88)))
    top = Image.new("RGB", _pixels(size[0], size[2]), design.pack)
    canvas = Image.new("RGBA", (int(corners[:, 0].max()) + 2, int(corners[:, 1].max()) + 2))
    # corner numbers: 4 for right, 2 for bottom, 1 for back
    right = yaw < 0
    side_corners, front_light, side_light = ((4, 5, 7, 6), 1.0, 0.68) if right else ((1, 0, 2, 3), 0.92, 0.74)
    _paste_face(canvas, top, corners[[1, 5, 4, 0]], 1.15)
    _paste_face(canvas, side, corners[list(side_corners)], side_light)
    _paste_face(canvas, front, corners[[0, 4, 6, 2]], front_light)
    return canvas


def _pixels(width: float, height: float) -> tuple[int, int]:
    return round(width * _HEIGHT), round(height * _HEIGHT)


def _project(size: Points, yaw: float, pitch: float) -> Points:
    """Return where the camera sees the eight corners, in pixels from the top left; float64 [8, 2]."""
    bits = np.array([[number >> 2, number >> 1 & 1, number & 1] for number in range(8)])
    points = (bits - 0.5) * size
    cos, sin = np.cos([yaw, pitch]), np.sin([yaw, pitch])
    x = points[:, 0] * cos[0] - points[:, 2] * sin[0]
    z = points[:, 0] * sin[0] + points[:, 2] * cos[0]
    y, z = points[:, 1] * cos[1] - z * sin[1], points[:, 1] * sin[1] + z * cos[1]
    distance = 4.0
    seen = np.stack([x, y], axis=1) * (_HEIGHT * distance / (distance + z))[:, None]
    return np.asarray(seen - seen.min(axis=0))


def _paste_face(canvas: Image.Image, face: Image.Image, quad: Points, light: float) -> None:
    """Paste a face so that its corners, clockwise from top left, fall on the four points of ``quad`` [4, 2]."""
    width, height = face.size
    target = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    rows = []
    for (x, y), (u, v) in zip(quad, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    coefficients = np.linalg.solve(np.array(rows), target.ravel())
    lit = face.point(lambda value: min(255, value * light)).convert("RGBA")
    seen = lit.transform(canvas.size, Image.Transform.PERSPECTIVE, coefficients.tolist(), Image.Resampling.BILINEAR)
    canvas.alpha_composite(seen)


def _vessel(shape: Vessel, design: Design, random: Random) -> Image.Image:
    height = round(_HEIGHT * (0.62 if shape.aspect > 1 else 1))
    width = round(height * shape.aspect * random.uniform(0.9, 1.1))
    y, x = np.mgrid[0:height, 0:width]
    across = (x + 0.5) / width * 2 - 1
    down = (y + 0.5) / height
    if shape.round_face:
        return _face_on(design, across, down * 2 - 1, random)
    positions, halves = zip(*shape.outline, strict=True)
    turn = across / np.interp(down, positions, halves)  # -1 at the left edge of the pack, 1 at the right
    inside = np.abs(turn) <= 1
    turn = np.clip(turn, -1, 1)
    label = np.asarray(draw_label(design, (width, round(height * (1 - shape.cap))), random))
    first = 0 if shape.at_bottom else height - len(label)
    around = (np.arcsin(turn) / np.pi + 0.5) * (width - 1)
    row = np.clip(y - first, 0, len(label) - 1)
    colours = label[row, around.astype(int)].astype(float)
    cap = (y >= len(label)) if shape.at_bottom else (y < first)
    colours[cap] = np.array(design.accent) * np.where(np.sin(turn[cap] * 30) > 0, 1.0, 0.9)[:, None]
    return _cut_out(colours * _cylinder_light(turn, random)[..., None], inside)


def _face_on(design: Design, x: Points, y: Points, random: Random) -> Image.Image:
    height, width = x.shape
    radius = np.hypot(x, y)
    colours = np.asarray(draw_label(design, (width, height), random)).astype(float)
    rim = radius > 0.86  # noqa: PLR2004 - the rim's width
    colours[rim] = design.accent
    light = 1 + 0.25 * (-x - y) * np.where(rim, 1.0, 0.35)
    return _cut_out(colours * light[..., None], radius <= 1)


def _cylinder_light(turn: Points, random: Random) -> Points:
    shine = random.uniform(-0.5, 0.5)
    light = 0.5 + 0.55 * np.sqrt(1 - turn**2) + 0.35 * np.exp(-(((turn - shine) / 0.14) ** 2))
    return np.asarray(light)


def _cut_out(colours: Points, inside: npt.NDArray[np.bool_]) -> Image.Image:
    pixels = np.dstack([np.clip(colours, 0, 255), inside * 255.0]).astype(np.uint8)
    return Image.fromarray(pixels)
