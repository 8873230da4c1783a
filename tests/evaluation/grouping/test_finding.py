import numpy as np
import pytest

from beauty_mlflow.errors import DataError
from beauty_mlflow.evaluation.grouping.constraints import Constraints
from beauty_mlflow.evaluation.grouping.finding import check_reachable, find_groups
from beauty_mlflow.evaluation.predictions import PredictionTable

PLANTED = [label // 3 for label in range(30)]


@pytest.fixture
def table(sample_confusions, table_of):
    """30 classes in ten groups of three: 60 % right, 30 % mistaken inside the group."""
    names = [f"Family{label // 6}_Class{label:02d}" for label in range(30)]
    return table_of(sample_confusions(PLANTED, pictures=60), names)


def free(n):
    return np.zeros((n, n), np.bool_)


@pytest.mark.parametrize("classes", [0, 10])
def test_the_planted_groups_are_found_and_what_they_are_worth(table, classes):
    """Told or not how many there are; nine of ten mistakes are inside the groups."""
    grouping = find_groups(table, free(30), classes)
    names = table.classes
    assert list(grouping.groups.values()) == [list(names[start : start + 3]) for start in range(0, 30, 3)]
    assert next(iter(grouping.groups)) == "Family0_Class00+Class01+Class02"
    assert grouping.classes == 10
    assert grouping.unfounded == 0
    assert grouping.hits[0] / len(table) == pytest.approx(0.6, abs=0.03)
    accuracy = grouping.accuracy(grouping.hits[grouping.taken])
    assert accuracy["accuracy"] == pytest.approx(0.9, abs=0.02)
    assert accuracy["accuracy_low"] < accuracy["accuracy"] < accuracy["accuracy_high"]
    assert grouping.random_hits.mean() / len(table) == pytest.approx(0.62, abs=0.03)
    assert grouping.fewer_errors == pytest.approx(1 - 0.1 / 0.38, abs=0.06)
    assert grouping.halves / len(table) == pytest.approx(0.9, abs=0.02)
    assert grouping.largest_share == pytest.approx(0.1)


def test_groups_of_noise_are_unmasked_by_the_halves(sample_confusions, table_of):
    """Where there is nothing to find, pictures that chose the groups flatter them, and other ones don't."""
    table = table_of(sample_confusions(list(range(30)), pictures=10, inside=0))
    grouping = find_groups(table, free(30), 12)
    chosen, judged, at_random = (
        hits / len(table) for hits in (grouping.hits[18], grouping.halves, grouping.random_hits.mean())
    )
    assert chosen > at_random + 0.06
    assert judged < at_random + 0.03


def test_a_half_without_pictures_judges_nothing(table_of):
    counts = np.zeros((3, 3), np.int64)
    counts[0, 1] = 1
    assert find_groups(table_of(counts), free(3), 2).halves is None


def test_merges_that_no_picture_asks_for_are_counted(table_of):
    counts = 9 * np.eye(5, dtype=np.int64)
    counts[0, 1] = 3
    assert find_groups(table_of(counts), free(5), 3).unfounded == 1
    assert find_groups(table_of(counts), free(5), 4).unfounded == 0


def test_classes_that_are_not_confused_stay_apart_where_the_number_is_free(table_of):
    """There are fewer ways to part five classes into two groups than into three, but that is no reason to merge."""
    counts = 9 * np.eye(5, dtype=np.int64)
    counts[:3, :3] = 9
    assert list(find_groups(table_of(counts), free(5), 0).groups.values()) == [["class000", "class001", "class002"]]


def test_no_pattern_is_no_grouping(sample_confusions, table_of):
    table = table_of(sample_confusions(list(range(20)), pictures=30, inside=0))
    with pytest.raises(DataError, match=r"no grouping describes the wrong answers better .* Give classes"):
        find_groups(table, free(20), 0)


@pytest.mark.parametrize(
    ("families", "classes", "message"),
    [
        (
            True,
            4,
            "4 classes can't be made of the model's 30: expected 5 to 29; the constraints let no fewer be reached",
        ),
        (False, 1, "1 classes can't be made of the model's 30: expected 2 to 29, or 0"),
        (False, 30, "expected 2 to 29"),
        (False, 73, "expected 2 to 29"),
    ],
)
def test_a_number_that_cannot_be_reached(table, families, classes, message):
    apart = Constraints(within_family=families).apart(table.classes)
    with pytest.raises(DataError, match=message):
        find_groups(table, apart, classes)


@pytest.mark.parametrize("classes", [5, 0])
def test_families_are_kept(table, classes):
    apart = Constraints(within_family=True).apart(table.classes)
    grouping = find_groups(table, apart, classes)
    assert grouping.classes == (classes or 10)
    assert all(len({name.split("_")[0] for name in group}) == 1 for group in grouping.groups.values())


def test_nothing_to_merge():
    with pytest.raises(DataError, match="nothing can be merged: the model has 2 classes"):
        check_reachable(free(2), 0)
    with pytest.raises(DataError, match="nothing can be merged: the model has 5 classes"):
        check_reachable(~np.eye(5, dtype=np.bool_), 0)


def test_a_half_isnt_judged_by_other_pictures_of_its_own_things():
    """Front and back of a thing, far apart by path, are mistaken alike: in both halves they would make noise a pattern.

    Where nobody says what shows one thing, the halves flatter as much as the whole.
    """
    random = np.random.default_rng(0)
    true = np.arange(30).repeat(6)
    wrong = (true + random.integers(1, 30, len(true))) % 30
    predicted = np.where(random.random(len(true)) < 0.6, true, wrong)
    rows = np.full((2 * len(true), 30), 0.3 / 29, np.float32)
    rows[np.arange(2 * len(true)), np.tile(predicted, 2)] = 0.7
    paths = tuple(f"{label}/{side}_{thing:03d}.jpg" for side in ("back", "front") for thing, label in enumerate(true))
    names = tuple(f"class{label:02d}" for label in range(30))
    table = PredictionTable(paths, np.tile(true, 2).astype(np.int32), rows, names)
    both_sides = [[thing, len(true) + thing] for thing in range(len(true))]
    alone, together = (find_groups(table, free(30), 12, units) for units in ([], both_sides))
    at_random = alone.random_hits.mean()
    assert (alone.halves - at_random) / len(table) > 0.1
    assert (together.halves - at_random) / len(table) < 0.03


def test_one_thing_in_all_the_pictures_leaves_no_half_to_judge_by(table_of):
    """One in some of them does, though it has pictures in all classes."""
    counts = 6 * np.eye(3, dtype=np.int64) + 2
    every = table_of(counts)
    assert find_groups(every, free(3), 2, [list(range(len(every)))]).halves is None
    assert find_groups(every, free(3), 2, [list(range(5, 30))]).halves is not None
