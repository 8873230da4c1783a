"""The synthetic sample: product packs of the thesis's categories, drawn by ourselves, in its folder layout.

The thesis's own pictures are not public. These differ between classes in shape, colours, lettering and layout, and
within a class in brand, print, scale, rotation, background, light and noise.
"""

import csv
import hashlib
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files as package_files
from importlib.resources.abc import Traversable
from pathlib import Path
from random import Random

import PIL

from beauty_mlflow.data.drawing.design import design_of
from beauty_mlflow.data.drawing.scene import draw_photograph
from beauty_mlflow.data.parallel import map_threads
from beauty_mlflow.errors import DataError, ParameterError
from beauty_mlflow.files import cache_folder
from beauty_mlflow.progress import Progress
from beauty_mlflow.temporary import temporary_folder

CLASSES, IMAGES, SEED = 12, 30, 0
FEWEST_CLASSES, FEWEST_IMAGES = 2, 3  # a class needs a picture for each of its three parts


@dataclass(frozen=True)
class Category:
    """One of the thesis's 73; ``family_number`` and ``number`` say which family, and which one in it."""

    folder: str
    name: str
    family_number: int
    number: int


@dataclass(frozen=True)
class _Task:
    category: Category
    image: int
    seed: int


def make_sample(out: Path, *, classes: int, images: int, seed: int, progress: Progress) -> None:
    """Draw a folder of class folders; the same arguments give the same bytes (with the same Pillow).

    Args:
        out: The folder to make; it appears when it is complete.
        classes: How many of the thesis's 73 categories, taken from all families in turn.
        images: Pictures a class.
        seed: Of everything that varies between pictures; the classes' designs don't depend on it.
        progress: Shows how far it is.

    Raises:
        ParameterError: ``classes`` is outside 2 … 73, or ``images`` below 3.
        DataError: ``out`` holds something already, or can't be written.
    """
    known = categories()
    if not FEWEST_CLASSES <= classes <= len(known):
        raise ParameterError(
            f"classes is {classes}; expected {FEWEST_CLASSES} to {len(known)}, the thesis's categories"
        )
    if images < FEWEST_IMAGES:
        raise ParameterError(f"images is {images}; expected at least {FEWEST_IMAGES}, one for each part of a split")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"'{out}' holds something already; name a folder that is new or empty")
    tasks = [_Task(category, image, seed) for category in known[:classes] for image in range(1, images + 1)]
    with _folder_beside(out) as temporary:
        _draw(temporary, tasks, progress)
        try:
            temporary.replace(out)
        except OSError as error:
            raise DataError(f"'{out}' can't be made: {error.strerror}; name another folder") from None


def cached_sample(progress: Progress) -> Path:
    """Return the folder of the default sample in the user's cache; draw it if this version isn't there yet.

    Two processes may do so at the same time: the first to finish wins, and both get the same pictures.

    Raises:
        DataError: The cache can't be written.
    """
    folder = cache_folder() / f"sample-{_version()}"
    if not folder.is_dir():
        try:
            make_sample(folder, classes=CLASSES, images=IMAGES, seed=SEED, progress=progress)
        except DataError:
            if not folder.is_dir():
                raise
    return folder


def categories() -> tuple[Category, ...]:
    """Return the thesis's 73 categories, the first of each family first, then the second ones, and so on."""
    text = (package_files("beauty_mlflow") / "data/thesis/categories.csv").read_text(encoding="utf-8")
    families: dict[str, int] = {}
    sizes: dict[str, int] = {}
    found = []
    for row in csv.DictReader(text.splitlines()):
        family = row["family"]
        family_number = families.setdefault(family, len(families))
        found.append(Category(row["folder"], row["category"], family_number, sizes.get(family, 0)))
        sizes[family] = sizes.get(family, 0) + 1
    return tuple(sorted(found, key=lambda category: (category.number, category.family_number)))


def _draw(folder: Path, tasks: list[_Task], progress: Progress) -> None:
    for name in {task.category.folder for task in tasks}:
        (folder / name).mkdir()
    with progress("Drawing the sample", len(tasks)) as bar:
        for task, content in zip(tasks, map_threads(_picture, tasks), strict=True):
            words = re.findall("[A-Z][a-z]*|[a-z]+", task.category.name)
            name = "_".join(words[-2:]).lower()
            (folder / task.category.folder / f"{name}_{task.image:04d}.jpg").write_bytes(content)
            bar.update()


def _picture(task: _Task) -> bytes:
    category = task.category
    design = design_of(category.name, category.family_number, category.number)
    return draw_photograph(design, Random(f"{task.seed}/{category.folder}/{task.image}"))  # noqa: S311 - no secret


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """Yield a new folder next to ``path``; what is left of it at the end is removed."""
    with ExitStack() as kept:
        try:
            temporary = kept.enter_context(temporary_folder(path))
        except OSError as error:
            raise DataError(f"'{path.parent}' can't be written: {error.strerror}; name another folder") from None
        temporary.chmod(0o755)
        yield temporary


def _version() -> str:
    """Return a digest of all that decides the pictures: our code, the categories and Pillow's version."""
    digest = hashlib.sha256(f"{PIL.__version__} {CLASSES} {IMAGES} {SEED}".encode())
    data = package_files("beauty_mlflow") / "data"
    for source in sorted(_sources(data), key=lambda source: source.name):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _sources(data: Traversable) -> list[Traversable]:
    drawing = [source for source in (data / "drawing").iterdir() if source.name.endswith(".py")]
    return [data / "sample.py", data / "thesis" / "categories.csv", *drawing]
