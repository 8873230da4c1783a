"""Small versions of the pictures that are most worth a look, as many as a budget allows."""

import base64
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from beauty_mlflow.data import images
from beauty_mlflow.data.parallel import map_threads
from beauty_mlflow.data.regular import read_regular
from beauty_mlflow.errors import PictureError

BUDGET = 12_000_000  # characters of base64 in all
LARGE, SMALL = 128, 96  # pixels a side
LARGE_ONE = 5_000  # characters, about
QUALITY, METHOD = 70, 2  # of WebP; slower methods gain 4 % in size
CHUNK = 256  # pictures begun before it is asked whether the budget is spent


@dataclass(frozen=True)
class Thumbnails:
    """The small pictures, and what became of the others.

    Args:
        images: Base64 of a WebP each; the same file's content only once.
        of: The place in ``images`` for each picture, -1 where it has none.
        broken: Pictures that are missing or can't be decoded.
        left_out: Pictures that the budget had no room for.
    """

    images: list[str]
    of: list[int]
    broken: int
    left_out: int


def make_thumbnails(paths: Sequence[Path], priority: Sequence[int], budget: int = BUDGET) -> Thumbnails:
    """Make small pictures, white where they aren't square, until the budget is spent.

    Args:
        paths: Of all pictures.
        priority: Positions in ``paths``, each once, the most wanted first.
        budget: Characters that they may take in all.
    """
    side = LARGE if len(paths) * LARGE_ONE <= budget else SMALL
    kept: list[str] = []
    places: dict[str, int] = {}
    of = [-1] * len(paths)
    broken = seen = 0
    for position, small in _made(paths, priority, side):
        seen += 1
        if small is None:
            broken += 1
        elif (digest := small[0]) in places:
            of[position] = places[digest]
        elif len(small[1]) > budget:
            seen -= 1
            break
        else:
            budget -= len(small[1])
            of[position] = places[digest] = len(kept)
            kept.append(small[1])
    return Thumbnails(kept, of, broken, len(paths) - seen)


def _made(paths: Sequence[Path], priority: Sequence[int], side: int) -> Iterator[tuple[int, tuple[str, str] | None]]:
    for start in range(0, len(priority), CHUNK):
        some = priority[start : start + CHUNK]
        yield from zip(
            some, map_threads(partial(_small, side=side), [paths[position] for position in some]), strict=True
        )


def _small(path: Path, side: int) -> tuple[str, str] | None:
    """Return a file's sha256 and the small picture, None where there is no picture."""
    try:
        content = read_regular(path)
        picture = images.load(content, side, "pad")
    except PictureError:
        return None
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "WEBP", quality=QUALITY, method=METHOD)
    return hashlib.sha256(content).hexdigest(), base64.b64encode(stream.getvalue()).decode("ascii")
