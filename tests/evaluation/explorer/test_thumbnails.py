import base64
import io
import shutil
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from beauty_mlflow.evaluation.explorer.choosing import by_worth
from beauty_mlflow.evaluation.explorer.thumbnails import LARGE, SMALL, make_thumbnails
from beauty_mlflow.evaluation.suspects import find_suspects


def decoded(thumbnail):
    with Image.open(io.BytesIO(base64.b64decode(thumbnail))) as picture:
        assert picture.format == "WEBP"
        return np.asarray(picture.convert("RGB"))


@pytest.fixture
def noisy(tmp_path):
    """Pictures that compress badly."""

    def make(number):
        random = np.random.default_rng(0)
        for i in range(number):
            Image.fromarray(random.integers(0, 256, (150, 150, 3), np.uint8)).save(tmp_path / f"{i}.png")
        return [tmp_path / f"{i}.png" for i in range(number)]

    return make


def test_a_wide_picture_is_shown_whole_on_white(make_pictures):
    pictures = make_pictures(classes=2, each=1)
    made = make_thumbnails([pictures.folder / path for path in pictures.paths], [0, 1])
    assert (made.of, made.broken, made.left_out) == ([0, 1], 0, 0)
    first = decoded(made.images[0]).astype(int)
    assert first.shape == (LARGE, LARGE, 3)
    assert (np.abs(first[LARGE // 2, LARGE // 2] - [0, 60, 200]) < 12).all()
    assert (first[2, LARGE // 2] > 245).all()


def test_the_same_file_twice_is_one_thumbnail(make_pictures):
    pictures = make_pictures(classes=1, each=2)
    paths = [pictures.folder / path for path in pictures.paths]
    shutil.copy(paths[0], paths[1])
    made = make_thumbnails(paths, [1, 0])
    assert (len(made.images), made.of) == (1, [0, 0])


def test_missing_and_broken_files_are_counted(make_pictures, tmp_path):
    pictures = make_pictures(classes=1, each=2)
    good = [pictures.folder / path for path in pictures.paths]
    (tmp_path / "broken.jpg").write_bytes(good[0].read_bytes()[:60])
    made = make_thumbnails([tmp_path / "gone.jpg", good[0], tmp_path / "broken.jpg", tmp_path], [0, 1, 2, 3])
    assert (made.of, made.broken, made.left_out) == ([-1, 0, -1, -1], 3, 0)


def test_the_budget_holds_and_the_most_wanted_come_first(noisy):
    paths = noisy(12)
    whole = make_thumbnails(paths, list(range(12)))
    budget = sum(map(len, whole.images[:12])) // 3
    made = make_thumbnails(paths, list(reversed(range(12))), budget)
    assert sum(map(len, made.images)) <= budget
    shown = [position for position, place in enumerate(made.of) if place >= 0]
    assert shown == list(range(12 - len(shown), 12))
    assert 0 < len(shown) < 12
    assert made.left_out == 12 - len(shown)
    assert decoded(made.images[0]).shape == (SMALL, SMALL, 3)


def test_no_more_is_read_than_may_be_and_the_rest_is_counted(noisy):
    paths = noisy(12)
    made = make_thumbnails(paths, list(reversed(range(12))), readable=sum(path.stat().st_size for path in paths[-3:]))
    assert [position for position, place in enumerate(made.of) if place >= 0] == [9, 10, 11]
    assert made.left_out == 9


@pytest.mark.parametrize("budget", [0, 10**6])
def test_progress_is_told_of_every_picture(make_pictures, budget, tmp_path):
    pictures = make_pictures(classes=2, each=3)
    told = []

    @contextmanager
    def progress(description, total):
        told.append((description, total))
        yield SimpleNamespace(update=lambda n=1: told.append(n))

    paths = [tmp_path / "gone.jpg", *(pictures.folder / path for path in pictures.paths)]
    make_thumbnails(paths, list(range(7)), budget, progress=progress)
    assert told[0] == ("Thumbnails", 7)
    assert sum(told[1:]) == 7


def test_without_a_budget_nothing_is_shown_and_all_is_counted(noisy):
    made = make_thumbnails(noisy(3), [0, 1, 2], budget=0)
    assert (made.images, made.of, made.left_out) == ([], [-1] * 3, 3)


def test_every_picture_has_its_turn_finds_first_then_right_ones_of_each_class(make_table):
    table = make_table(classes=5, n=300)
    finds = dict(find_suspects(table))
    turn = by_worth(table, finds)
    assert sorted(turn) == list(range(300))
    found = set(np.concatenate(list(finds.values())).tolist())
    assert set(turn[: len(found)].tolist()) == found
    rows = turn[len(found) : len(found) + 15]
    right = table.predicted[rows] == table.true[rows]
    assert all((table.true[rows[right]] == label).sum() >= 1 for label in range(5))


def test_of_two_cells_the_fuller_one_comes_first_and_both_before_any_second_picture(make_table):
    table = make_table(classes=3, n=200)
    rows = by_worth(table, {})
    wrong = rows[table.predicted[rows] != table.true[rows]]
    cells = (table.true[wrong] * 3 + table.predicted[wrong]).tolist()
    assert len(set(cells[:6])) == 6, "one of each cell"
    sizes = [cells.count(cell) for cell in cells[:6]]
    assert sizes == sorted(sizes, reverse=True)
