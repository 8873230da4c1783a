import hashlib

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from beauty_mlflow.data.duplicates.finding import find_duplicates
from beauty_mlflow.data.duplicates.inspecting import Inspection, inspect_pictures
from beauty_mlflow.progress import silent_progress

RED, BLUE, WHITE, BLACK = (200, 30, 30), (30, 30, 200), (255, 255, 255), (0, 0, 0)


def shape(colour, angle=0.0):
    picture = Image.new("RGB", (300, 300), WHITE)
    pen = ImageDraw.Draw(picture)
    pen.ellipse((30, 30, 270, 270), fill=colour, outline=BLACK, width=8)
    end = (150 + 100 * np.sin(angle), 150 - 100 * np.cos(angle))
    pen.line((150, 150, *end), fill=BLACK, width=14)
    return picture


def look(folder, files):
    for name, content in files.items():
        (folder / name).write_bytes(content)
    seen = inspect_pictures(folder, sorted(files), silent_progress)
    assert seen.reasons == [""] * len(files)
    return seen


def groups_of(folder, files, classes=None):
    groups = find_duplicates(look(folder, files), classes or [f"c{n}" for n in range(len(files))]).groups
    return groups.tolist()


@pytest.fixture(scope="module")
def boxes(draw):
    """Two dozen pictures that look nothing like each other."""
    return [draw(seed).resize((300, 300)) for seed in range(24)]


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda picture, encode: encode(picture, "JPEG", quality=40), id="other JPEG quality"),
        pytest.param(lambda picture, encode: encode(picture, "WEBP", quality=60), id="other format"),
        pytest.param(lambda picture, encode: encode(picture.resize((140, 140))), id="half the size"),
        pytest.param(lambda picture, encode: encode(picture.resize((260, 200))), id="other aspect"),
        pytest.param(lambda picture, encode: encode(ImageEnhance.Brightness(picture).enhance(0.95)), id="darker"),
        pytest.param(lambda picture, encode: encode(ImageEnhance.Contrast(picture).enhance(0.95)), id="paler"),
    ],
)
def test_an_edited_copy_is_a_near_copy(tmp_path, boxes, encode, edit):
    """Every one of the pictures is grouped with its own copy and with no other."""
    files = {f"{n:02d}a": encode(picture, "JPEG", quality=92) for n, picture in enumerate(boxes)}
    files |= {f"{n:02d}b": edit(picture, encode) for n, picture in enumerate(boxes)}
    assert groups_of(tmp_path, files) == [row - row % 2 for row in range(48)]


def test_the_same_shape_in_another_colour_is_no_copy(tmp_path, encode):
    assert groups_of(tmp_path, {"a": encode(shape(RED)), "b": encode(shape(BLUE))}) == [0, 1]


def test_clock_faces_at_different_times_are_no_copies(tmp_path, encode):
    files = {f"{hour:02d}": encode(shape(WHITE, hour * np.pi / 6)) for hour in range(12)}
    assert groups_of(tmp_path, files) == list(range(12))


def test_mirrored_pictures_are_no_copies(tmp_path, encode, boxes):
    mirrored = boxes[0].transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert groups_of(tmp_path, {"a": encode(boxes[0]), "b": encode(mirrored)}) == [0, 1]


def seen_of(thumbnails, hashes=None, digests=None):
    size = len(thumbnails)
    pictures = np.broadcast_to(np.array(thumbnails, np.uint8)[:, None, None, None], (size, 16, 16, 3))
    found = np.zeros((size, 2), np.uint64) if hashes is None else hashes
    names = digests or [hashlib.sha256(str(row).encode()).hexdigest() for row in range(size)]
    return Inspection([""] * size, names, found, pictures, np.zeros(size, np.dtype([])))


def test_a_chain_hangs_together_while_it_is_a_small_part_of_its_class():
    """Grey, a little lighter, a little lighter still: the ends differ, the chain connects them."""
    found = find_duplicates(seen_of([100, 115, 130, 200, 255, 0, 30, 60, 160, 230]), ["a"] * 10)
    assert found.groups.tolist()[:3] == [0, 0, 0]
    assert found.leaders.tolist()[:3] == [0, 0, 2]


def test_a_chain_that_swallows_a_class_is_cut_with_a_warning():
    """Twelve greys, each near the next: cut into leaders and what looks like them."""
    found = find_duplicates(seen_of(range(0, 180, 15)), ["grey"] * 12)
    assert np.bincount(found.groups).max() <= 3
    (warning,) = found.warnings
    assert "12 of the 12 pictures of the class 'grey' look alike" in warning


def test_a_class_of_pictures_that_all_look_alike_is_cut_into_its_exact_copies():
    digests = [hashlib.sha256(str(min(row, 8)).encode()).hexdigest() for row in range(10)]
    found = find_duplicates(seen_of([128] * 10, digests=digests), ["blank"] * 10)
    assert found.groups.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 8]
    assert "in groups of at most 2" in found.warnings[0]


def test_cutting_a_chain_leaves_other_classes_alone():
    apart = np.zeros((14, 2), np.uint64)
    apart[12:] = 2**63 - 1
    found = find_duplicates(seen_of([*range(0, 180, 15), 50, 55], hashes=apart), ["grey"] * 12 + ["x", "y"])
    assert found.groups.tolist()[12:] == [12, 12]
