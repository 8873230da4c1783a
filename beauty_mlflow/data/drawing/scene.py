"""A photograph of a product: background, place, shadow, light, noise."""

import io
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from beauty_mlflow.data.drawing.design import Design, colour
from beauty_mlflow.data.drawing.shapes import draw_product

_SIZES = ((300, 300), (320, 280), (280, 320), (340, 300), (300, 360))


def draw_photograph(design: Design, random: Random) -> bytes:
    """Draw one product of a design somewhere; a JPEG of about 300 x 300 pixels."""
    size = _pick(random, _SIZES)
    scene = _background(size, random)
    _place(scene, draw_product(design.vary(random), random), random)
    if random.random() < 0.25:  # noqa: PLR2004 - a quarter is out of focus
        scene = scene.filter(ImageFilter.GaussianBlur(random.uniform(0.4, 1.2)))
    photograph = Image.fromarray(_expose(np.asarray(scene), random))
    stream = io.BytesIO()
    photograph.save(stream, "JPEG", quality=int(random.uniform(78, 95)))
    return stream.getvalue()


def _background(size: tuple[int, int], random: Random) -> Image.Image:
    """A wall that gets darker to one side, and below it a table."""
    width, height = size
    hue, saturation = random.random(), random.uniform(0, 0.35)
    wall = np.array(colour(hue, random.uniform(0.5, 0.95), saturation), float)
    table = np.array(colour(hue + random.uniform(-0.1, 0.1), random.uniform(0.35, 0.9), saturation), float)
    y, x = np.ogrid[0:height, 0:width]
    shade = 1 + random.uniform(-0.2, 0.2) * (x / width - 0.5) + random.uniform(-0.2, 0.2) * (y / height - 0.5)
    edge = height * random.uniform(0.55, 0.85) + (x - width / 2) * random.uniform(-0.06, 0.06)
    colours = np.where((y > edge)[..., None], table, wall)
    colours *= shade[..., None]
    grain = np.sin(y * random.uniform(0.2, 1.5) + x * random.uniform(-0.3, 0.3)) * random.uniform(0, 6)
    colours += grain[..., None]
    return Image.fromarray(np.clip(colours, 0, 255, out=colours).astype(np.uint8))


def _place(scene: Image.Image, product: Image.Image, random: Random) -> None:
    width, height = scene.size
    product = _skew(product, random)
    scale = random.uniform(0.68, 0.94) * min(width / product.width, height / product.height)
    wanted = (max(8, round(product.width * scale)), max(8, round(product.height * scale)))
    product = product.resize(wanted, Image.Resampling.LANCZOS, reducing_gap=2)
    left = round((width - product.width) * random.uniform(0.2, 0.8))
    top = round((height - product.height) * random.uniform(0.3, 0.9))
    slide = (round(random.uniform(-14, 14)), round(random.uniform(3, 12)))
    strength = random.uniform(0.25, 0.6)
    shadow = Image.new("L", scene.size)
    shadow.paste(product.getchannel("A").point(lambda value: value * strength), (left + slide[0], top + slide[1]))
    scene.paste((20, 20, 25), (0, 0), shadow.filter(ImageFilter.GaussianBlur(random.uniform(4, 9))))
    scene.paste(product, (left, top), product)


def _skew(product: Image.Image, random: Random) -> Image.Image:
    """Turn and shear a little, as a camera that isn't held straight."""
    tall, wide = product.height, product.width
    shear = random.uniform(-0.1, 0.1)
    matrix = (1, shear, -shear * tall / 2, random.uniform(-0.04, 0.04), 1, 0)
    roomy = Image.new("RGBA", (wide + tall // 5, tall + wide // 5))
    roomy.paste(product, ((roomy.width - wide) // 2, (roomy.height - tall) // 2))
    sheared = roomy.transform(roomy.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    turned = sheared.rotate(random.uniform(-14, 14), Image.Resampling.BILINEAR, expand=True)
    return turned.crop(turned.getbbox())


def _expose(pixels: npt.NDArray[np.uint8], random: Random) -> npt.NDArray[np.uint8]:
    """Light of a certain strength, colour and direction, then the sensor's noise."""
    height, width, _ = pixels.shape
    y, x = np.ogrid[0:height, 0:width]
    fall = 1 + random.uniform(-0.25, 0.25) * (x / width - 0.5) + random.uniform(-0.25, 0.25) * (y / height - 0.5)
    tint = random.uniform(0.8, 1.12) * np.array([random.uniform(0.94, 1.06) for _ in range(3)])
    noise = np.random.default_rng(random.getrandbits(64)).normal(0, random.uniform(1, 7), pixels.shape)
    exposed: npt.NDArray[np.float64] = pixels * fall[..., None]
    exposed *= tint
    exposed += noise
    return exposed.clip(0, 255, out=exposed).astype(np.uint8)


def _pick(random: Random, choices: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    return choices[int(random.random() * len(choices))]
