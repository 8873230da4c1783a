"""Pictures with one thing wrong each, and a folder full of them."""

import os

import numpy as np
import pytest
from PIL import Image, ImageFilter

from beauty_mlflow.data.checkup.checking import check_data
from beauty_mlflow.data.checkup.measuring import Measuring
from beauty_mlflow.data.duplicates.inspecting import inspect_pictures
from beauty_mlflow.progress import silent_progress

SIDE = 96


def _wrong(draw):
    """One picture a name of a finding; what is wrong with it and nothing else."""
    paper = np.random.default_rng(0).integers(246, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    paper[40:52, 40:52] = (30, 90, 200)
    halves = Image.new("RGB", (SIDE, SIDE), (250, 20, 20))
    halves.paste((250, 200, 20), (0, 0, SIDE, SIDE // 4))
    return {
        "blank": Image.new("RGB", (SIDE, SIDE), (200, 40, 90)),
        "dark": Image.fromarray((np.asarray(draw(900, SIDE)) * 0.2).astype(np.uint8)),
        "bright": Image.fromarray(paper),
        "low_information": halves,
        "blurred": draw(901, SIDE).filter(ImageFilter.GaussianBlur(9)),
        "odd_aspect_ratio": draw(902, SIDE).resize((260, 36), Image.Resampling.NEAREST),
        "odd_size": draw(903, 400),
        "greyscale": draw(904, SIDE).convert("L").convert("RGB"),
    }


@pytest.fixture(scope="session")
def wrong(draw):
    """Pictures by the name of the one finding that each of them gives, among coloured ones of 96 x 96."""
    return _wrong(draw)


@pytest.fixture(scope="session")
def look(tmp_path_factory, encode):
    """A function of pictures that gives their inspection, measured."""

    def looked(pictures, kind="PNG"):
        folder = tmp_path_factory.mktemp("pictures")
        for number, picture in enumerate(pictures):
            (folder / f"{number:04d}").write_bytes(encode(picture, kind))
        paths = [f"{number:04d}" for number in range(len(pictures))]
        return inspect_pictures(folder, paths, silent_progress, Measuring())

    return looked


@pytest.fixture
def make_good(tmp_path, draw, encode):
    """A function of {class: count} that makes a folder of pictures of 96 x 96 without any finding."""

    def make(classes, name="data", first=0):
        root, seed = tmp_path / name, first
        for class_name, count in classes.items():
            (root / class_name).mkdir(parents=True)
            for number in range(count):
                (root / class_name / f"{number:03d}.png").write_bytes(encode(draw(seed, SIDE)))
                seed += 1
        return root

    return make


@pytest.fixture
def spoiled(make_good, wrong, draw, encode):
    """A folder of two classes, 20 good pictures each, in which everything is wrong that can be."""
    root = make_good({"shampoo": 20, "soap": 20})
    for name, picture in wrong.items():
        (root / "shampoo" / f"{name}.png").write_bytes(encode(picture))
    first, second = draw(0, SIDE), draw(1, SIDE)
    (root / "shampoo" / "exact_copy.png").write_bytes(encode(first))
    (root / "shampoo" / "near_copy.jpg").write_bytes(encode(draw(3, SIDE), "JPEG", quality=70))
    (root / "soap" / "exact_other_class.png").write_bytes(encode(second))
    (root / "soap" / "near_other_class.jpg").write_bytes(encode(draw(2, SIDE).resize((80, 80)), "JPEG", quality=80))
    (root / "soap" / "empty.png").write_bytes(b"")
    (root / "soap" / "text.jpg").write_text("not a picture")
    (root / "soap" / "cut.png").write_bytes(encode(draw(905, SIDE))[:150])
    (root / "soap" / "nowhere.png").symlink_to("gone.png")
    os.mkfifo(root / "soap" / "pipe.png")
    return root


@pytest.fixture(scope="session")
def check():
    """Check data without showing progress."""

    def checked(data, **options):
        return check_data(data, silent_progress, **options)

    return checked


@pytest.fixture(scope="session")
def found_of():
    """A function of a check-up that gives {finding: {path, …}}."""

    def found(checkup):
        by_name = {}
        for line in checkup.lines():
            by_name.setdefault(line.finding, set()).add(line.path)
        return by_name

    return found
