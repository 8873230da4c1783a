"""Small versions of the pictures that are most worth a look, as many as a budget allows."""

import base64
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from PIL import Image

from beauty_mlflow.data import images
from beauty_mlflow.data.parallel import map_threads
from beauty_mlflow.data.sources.locations import Location, readers
from beauty_mlflow.errors import PictureError, UnreachableDataError
from beauty_mlflow.progress import Progress, silent_progress

BUDGET = 12_000_000  # characters of base64 in all
READABLE = 2_000_000_000  # bytes of the pictures' files in all, which may be large and far away
LARGE, SMALL = 128, 96  # pixels a side
LARGE_ONE = 5_000  # characters, about
QUALITY, METHOD = 70, 2  # of WebP; slower methods gain 4 % in size
CHUNK = 256  # pictures begun before it is asked whether a budget is spent


@dataclass(frozen=True)
class Thumbnails:
    """The small pictures, and what became of the others.

    Args:
        images: Base64 of a WebP each; the same file's content only once.
        of: The place in ``images`` for each picture, -1 where it has none.
        broken: Pictures that are missing or can't be decoded.
        unfetched: Pictures that couldn't be fetched from where they lie, whatever they are.
        outage: Why, of the first of these.
        left_out: Pictures that the budgets had no room for.
    """

    images: list[str]
    of: list[int]
    broken: int
    unfetched: int
    outage: str
    left_out: int


@dataclass(frozen=True)
class _Small:
    """A small picture; ``image`` is empty where there is none, ``outage`` why nobody knows, ``size`` the bytes read."""

    size: int
    digest: str = ""
    image: str = ""
    outage: str = ""


def make_thumbnails(
    paths: Sequence[Location],
    priority: Sequence[int],
    budget: int = BUDGET,
    readable: int = READABLE,
    progress: Progress = silent_progress,
) -> Thumbnails:
    """Make small pictures, white where they aren't square, until a budget is spent.

    Args:
        paths: Of all pictures.
        priority: Positions in ``paths``, each once, the most wanted first.
        budget: Characters that they may take in all.
        readable: Bytes that the files which are read may have in all.
        progress: Is told of each picture; of those left out at last.
    """
    side = LARGE if len(paths) * LARGE_ONE <= budget else SMALL
    kept: list[str] = []
    places: dict[str, int] = {}
    of = [-1] * len(paths)
    outages: list[str] = []
    broken = seen = 0
    with progress("Thumbnails", len(paths)) as bar:
        for position, small in _made(paths, priority, side):
            cost = 0 if small.digest in places else len(small.image)
            budget, readable = budget - cost, readable - small.size
            if min(budget, readable) < 0:
                break
            seen += 1
            bar.update()
            if not small.image:
                broken += not small.outage
                outages.extend(filter(None, [small.outage]))
                continue
            if cost:
                places[small.digest] = len(kept)
                kept.append(small.image)
            of[position] = places[small.digest]
        bar.update(len(paths) - seen)
    return Thumbnails(kept, of, broken, len(outages), next(iter(outages), ""), len(paths) - seen)


def _made(paths: Sequence[Location], priority: Sequence[int], side: int) -> Iterator[tuple[int, _Small]]:
    for start in range(0, len(priority), CHUNK):
        some = priority[start : start + CHUNK]
        files = [paths[position] for position in some]
        yield from zip(some, map_threads(partial(_small, side=side), files, readers(files[0])), strict=True)


def _small(file: Location, side: int) -> _Small:
    size = 0
    try:
        with images.read_picture(file) as read:
            size = len(read.content)
            picture, digest = images.load(read, side, "pad"), hashlib.sha256(read.content).hexdigest()
    except PictureError:
        return _Small(size)
    except UnreachableDataError as error:
        return _Small(size, outage=str(error))
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "WEBP", quality=QUALITY, method=METHOD)
    return _Small(size, digest, base64.b64encode(stream.getvalue()).decode("ascii"))
