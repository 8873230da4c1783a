"""Pictures and folders of pictures for the data room's tests."""

import io

import numpy as np
import pytest
from PIL import Image


def _noise(seed, side=24):
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((side, side), Image.Resampling.NEAREST)


@pytest.fixture(scope="session")
def draw():
    """A function of a seed that draws a small picture; two seeds never look alike."""
    return _noise


@pytest.fixture(scope="session")
def encode():
    """A function of (picture, format, options) that gives the file's bytes."""

    def encoded(picture, kind="PNG", **options):
        stream = io.BytesIO()
        picture.save(stream, kind, **options)
        return stream.getvalue()

    return encoded


@pytest.fixture
def make_folder(tmp_path, draw, encode):
    """A function of {class: number of pictures, or file names} that makes a folder of class folders.

    All its pictures differ.
    """

    def make(classes, name="data", first_seed=0):
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        seed = first_seed
        for class_name, wanted in classes.items():
            names = [f"{number:03d}.png" for number in range(wanted)] if isinstance(wanted, int) else wanted
            (root / class_name).mkdir(parents=True, exist_ok=True)
            for file in names:
                path = root / class_name / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encode(draw(seed)))
                seed += 1
        return root

    return make
