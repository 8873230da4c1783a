"""The synthetic sample: its layout, that it is the same each time, and that it can be learned but isn't trivial."""

import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from beauty_mlflow.data import sample
from beauty_mlflow.data.drawing.design import LAYOUTS, design_of
from beauty_mlflow.data.drawing.shapes import SHAPES
from beauty_mlflow.data.duplicates.finding import find_duplicates
from beauty_mlflow.data.duplicates.inspecting import inspect_pictures
from beauty_mlflow.data.images import decode, load
from beauty_mlflow.data.sample import cached_sample, categories, make_sample
from beauty_mlflow.errors import DataError, ParameterError
from beauty_mlflow.progress import silent_progress


@pytest.fixture
def contents():
    """A function of a folder that gives every file's bytes by its path."""

    def read(folder):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    return read


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """12 classes of 12 pictures."""
    out = tmp_path_factory.mktemp("small") / "sample"
    make_sample(out, classes=12, images=12, seed=0, progress=silent_progress)
    return out


@pytest.fixture
def few_pictures(monkeypatch, tmp_path):
    """A cache of its own, and a default sample that is quickly drawn."""
    monkeypatch.setenv("BEAUTY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sample, "CLASSES", 2)
    monkeypatch.setattr(sample, "IMAGES", 3)
    return tmp_path / "cache"


def test_it_has_the_thesis_folders_and_names(small):
    folders = sorted(path.name for path in small.iterdir())
    assert len(folders) == 12
    assert all(re.fullmatch(r"boxes_[A-Za-z]+_[A-Za-z]+_\d{4}", name) for name in folders)
    assert len({name.split("_")[1] for name in folders}) == 12
    for folder in small.iterdir():
        names = sorted(path.name for path in folder.iterdir())
        assert [name[-9:] for name in names] == [f"_{number:04d}.jpg"[-9:] for number in range(1, 13)]


def test_pictures_decode_and_some_are_not_square(small):
    shapes = {decode(path).shape for path in small.rglob("*.jpg")}
    assert all(280 <= side <= 360 for shape in shapes for side in shape[:2])
    assert any(height != width for height, width, _ in shapes)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path, contents):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        make_sample(tmp_path / name, classes=3, images=3, seed=seed, progress=silent_progress)
    first, again, other = (contents(tmp_path / name) for name in "abc")
    assert first == again
    assert first.keys() == other.keys()
    assert not set(first.values()) & set(other.values())


def test_more_classes_and_pictures_only_add_to_it(tmp_path, contents):
    make_sample(tmp_path / "few", classes=2, images=3, seed=0, progress=silent_progress)
    make_sample(tmp_path / "more", classes=4, images=5, seed=0, progress=silent_progress)
    assert contents(tmp_path / "few").items() <= contents(tmp_path / "more").items()


def test_no_two_pictures_are_near_copies(small):
    paths = sorted(path.relative_to(small).as_posix() for path in small.rglob("*.jpg"))
    seen = inspect_pictures(small, paths, silent_progress)
    found = find_duplicates(seen, [path.partition("/")[0] for path in paths])
    assert sorted(found.groups) == list(range(len(paths)))


def test_a_class_is_recognised_but_not_by_its_mean_colour_alone(small):
    """Nearest neighbour, one picture left out: coarse pictures say far more than chance, one colour says less."""
    paths = sorted(small.rglob("*.jpg"))
    labels = np.array([path.parent.name for path in paths])
    pictures = np.stack([load(path, 12, "squash") for path in paths]).astype(float)

    def recognised(features):
        distances = np.linalg.norm(features[:, None] - features[None], axis=2) + np.diag([np.inf] * len(features))
        return float((labels[distances.argmin(axis=1)] == labels).mean())

    coarse, mean_colour = recognised(pictures.reshape(len(paths), -1)), recognised(pictures.mean(axis=(1, 2)))
    assert 3 / 12 < coarse < 0.95
    assert 1 / 12 < mean_colour < 0.6


def test_every_category_has_a_drawable_design_of_its_own():
    found = categories()
    designs = [design_of(each.name, each.family_number, each.number) for each in found]
    assert len(found) == 73
    assert len({(d.shape, d.layout, d.words, round(d.hue, 3), d.lightness) for d in designs}) == 73
    assert {d.shape for d in designs} == set(SHAPES)
    assert {d.layout for d in designs} == set(LAYOUTS)


@pytest.mark.slow
def test_all_73_categories_can_be_drawn(tmp_path):
    make_sample(tmp_path / "all", classes=73, images=3, seed=1, progress=silent_progress)
    assert len(list((tmp_path / "all").rglob("*.jpg"))) == 219


@pytest.mark.parametrize("classes", [1, 74])
def test_a_wrong_number_of_classes_is_an_error(tmp_path, classes):
    with pytest.raises(ParameterError, match=f"classes is {classes}; expected 2 to 73"):
        make_sample(tmp_path / "x", classes=classes, images=3, seed=0, progress=silent_progress)


def test_too_few_pictures_for_a_split_are_an_error(tmp_path):
    with pytest.raises(ParameterError, match="images is 2; expected at least 3"):
        make_sample(tmp_path / "x", classes=2, images=2, seed=0, progress=silent_progress)


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(DataError, match="holds something already; name a folder that is new or empty"):
        make_sample(tmp_path, classes=2, images=3, seed=0, progress=silent_progress)
    with pytest.raises(DataError, match="holds something already"):
        make_sample(tmp_path / "mine.txt", classes=2, images=3, seed=0, progress=silent_progress)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "empty").mkdir()
    make_sample(tmp_path / "empty", classes=2, images=3, seed=0, progress=silent_progress)
    assert len(list(tmp_path.rglob("*.jpg"))) == 6


def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"can't be written: .*; name another folder"):
        make_sample(tmp_path / "file" / "x", classes=2, images=3, seed=0, progress=silent_progress)


def test_an_interrupted_drawing_leaves_nothing(tmp_path):
    @contextmanager
    def interrupted(description, total):
        bar = iter(range(2))  # the second picture is the last one
        yield SimpleNamespace(update=lambda: next(bar) and signal.raise_signal(signal.SIGINT))

    with pytest.raises(KeyboardInterrupt):
        make_sample(tmp_path / "x", classes=2, images=3, seed=0, progress=interrupted)
    assert list(tmp_path.iterdir()) == []


def test_the_cached_sample_is_drawn_once(few_pictures):
    first = cached_sample(silent_progress)
    assert first.parent == few_pictures
    assert re.fullmatch("sample-[0-9a-f]{12}", first.name)
    marked = next(first.rglob("*.jpg"))
    marked.write_bytes(b"as it was")
    assert cached_sample(silent_progress) == first
    assert marked.read_bytes() == b"as it was"


def test_a_changed_generator_makes_a_new_cached_sample(few_pictures, monkeypatch):
    first = cached_sample(silent_progress)
    monkeypatch.setattr(sample, "IMAGES", 4)
    assert cached_sample(silent_progress) != first


def test_several_at_once_get_one_complete_cached_sample(few_pictures):
    with ThreadPoolExecutor(4) as threads:
        folders = set(threads.map(lambda _: cached_sample(silent_progress), range(4)))
    assert len(folders) == 1
    assert list(few_pictures.iterdir()) == [*folders]
    assert len(list(few_pictures.rglob("*.jpg"))) == 6


def test_drawing_needs_no_tensorflow():
    script = (
        "import sys, beauty_mlflow.data.sample; print(sorted({'tensorflow', 'keras', 'mlflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout == b"[]\n"
