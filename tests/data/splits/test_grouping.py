import hashlib
from pathlib import Path

import pandas as pd
import pytest

from beauty_mlflow.data.splits.grouping import group_split, read_groups
from beauty_mlflow.data.splits.manifest import COLUMNS, Split
from beauty_mlflow.errors import DataError


def make_split(classes):
    rows = [
        (f"{name}/{part}.png", name, part, hashlib.sha256(f"{name}{part}".encode()).hexdigest(), "", "")
        for name in sorted(classes)
        for part in ("test", "train", "val")
    ]
    return Split(Path("/data"), pd.DataFrame(rows, columns=list(COLUMNS), dtype=str), tuple(classes), {"seed": 3}, 1)


@pytest.fixture
def split():
    return make_split(["apple", "ball", "cherry", "dog"])


@pytest.fixture
def write_groups(tmp_path):
    def write(text):
        path = tmp_path / "groups.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_classes_are_merged_parts_kept_and_the_rest_stays(split, write_groups):
    grouped, notes = group_split(split, read_groups(write_groups("fruit: [apple, cherry]\n")))
    assert grouped.classes == ("ball", "dog", "fruit")
    before = dict(zip(split.table["path"], split.table["part"], strict=True))
    assert dict(zip(grouped.table["path"], grouped.table["part"], strict=True)) == before
    assert grouped.table[["class", "path"]].apply(tuple, axis=1).is_monotonic_increasing
    assert grouped.options == {"seed": 3, "groups": {"fruit": ["apple", "cherry"]}}
    assert grouped.quarantined == 1
    assert notes == ["2 of 4 classes were merged, which gives 3."]


def recorded(split):
    return split.options["groups"]


def test_groups_grouped_again_are_of_the_first_classes(split):
    """Groups that aren't grouped again stay; a control that sums the first classes finds the last groups."""
    fruit, _ = group_split(split, {"fruit": ["apple", "cherry"]})
    food, _ = group_split(fruit, {"food": ["fruit", "dog"]})
    assert recorded(food) == {"food": ["apple", "cherry", "dog"]}
    apart, _ = group_split(fruit, {"toy": ["ball", "dog"]})
    assert recorded(apart) == {"fruit": ["apple", "cherry"], "toy": ["ball", "dog"]}
    again, _ = group_split(food, {"all": ["apple", "food"], "absent": ["cherry", "egg"]}, allow_missing=True)
    assert recorded(again) == {"all": ["apple", "cherry", "dog"], "absent": ["egg"]}


def test_the_input_is_left_as_it_was(split):
    before = split.fingerprint
    group_split(split, {"fruit": ["apple", "cherry"]})
    assert split.fingerprint == before


def test_a_group_may_be_called_like_one_of_its_classes(split):
    assert group_split(split, {"apple": ["apple", "cherry"]})[0].classes == ("apple", "ball", "dog")


def test_names_of_folders_as_in_the_thesis_are_taken_as_classes(split):
    groups = {"fruit": ["boxes_apple_0001", "boxes_cherry_0002"]}
    grouped, notes = group_split(split, groups)
    assert grouped.classes == ("ball", "dog", "fruit")
    assert grouped.options["groups"] == {"fruit": ["apple", "cherry"]}
    assert "All names in the grouping are called boxes_<class>_<4 digits>; prefix and digits were dropped." in notes


def test_names_of_folders_that_are_classes_as_they_stand_are_kept():
    """Where one folder is called otherwise, prefixes stay in the classes, also of two that differ in digits alone."""
    split = make_split(["boxes_apple_0001", "boxes_apple_0002", "other"])
    assert group_split(split, {"apple": ["boxes_apple_0001", "boxes_apple_0002"]})[0].classes == ("apple", "other")


def test_one_name_without_a_prefix_keeps_all_as_they_are(split):
    with pytest.raises(DataError, match="names 1 classes that the split doesn't have: 'boxes_apple_0001'"):
        group_split(split, {"fruit": ["boxes_apple_0001", "cherry"]})


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (
            {"fruit": ["aple", "cherry"]},
            "names 1 classes that the split doesn't have: 'aple'. Did you mean 'apple'",
        ),
        ({"dog": ["apple", "cherry"]}, "the group 'dog' is called like a class that isn't in it"),
        ({"all": ["apple", "ball", "cherry", "dog"]}, "leaves one class alone, 'all'"),
    ],
)
def test_groups_that_do_not_fit_the_split_are_errors(split, groups, message):
    with pytest.raises(DataError, match=message):
        group_split(split, groups)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no mapping"),
        ("- a\n- b\n", "is no mapping"),
        ("just words", "is no mapping"),
        ("a: [x]\na: [y]\n", "the key 'a' stands there twice"),
        ("a: [x]\nb: [y, x]\n", "has the class 'x' twice, in a and b"),
        ("a: [x, x]\n", "has the class 'x' twice, in a; expected it once"),
        ("a: []\n", "the group 'a' of .* is no list of class names"),
        ("a: x\n", "the group 'a' of .* is no list of class names"),
        ("a: [1]\n", "the group 'a' of .* is no list of class names"),
        ("1: [x]\n", "has the group 1; expected a name"),
        ("a: [x\n", "is no YAML file"),
        ("a: !!python/object/apply:os.system [id]\n", "is no YAML file"),
        (b"\xff\xfe\x00", "is no YAML file"),
        ("a: " + "[" * 2000, "is no YAML file"),
    ],
)
def test_a_file_that_is_no_grouping_is_an_error(write_groups, text, message):
    with pytest.raises(DataError, match=message):
        read_groups(write_groups(text))


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"can't be read \(No such file"):
        read_groups(str(tmp_path / "x.yaml"))


@pytest.fixture(scope="module")
def thesis_classes():
    table = Path(__file__).parents[3] / "beauty_mlflow" / "data" / "thesis" / "categories.csv"
    return pd.read_csv(table)["category"].to_list()


def test_the_thesis_grouping_gives_45_classes_and_says_why_not_42(thesis_classes):
    grouped, notes = group_split(make_split(thesis_classes), read_groups("thesis"))
    assert len(grouped.classes) == 45
    assert (
        "which has 73 classes, its documented groups give 45 and not the 42 that it reports: the page that ends"
        in notes[-1]
    )


def test_the_thesis_grouping_leaves_out_what_the_data_does_not_have(thesis_classes):
    groups = read_groups("thesis")
    part = sorted({groups["lips"][0], groups["lips"][1], *[name for name in thesis_classes if "Manline" in name]})
    grouped, notes = group_split(make_split(part), groups, allow_missing=True)
    assert "lips" in grouped.classes
    assert any("classes of the grouping aren't in the data" in note for note in notes)
    with pytest.raises(DataError, match="classes that the split doesn't have"):
        group_split(make_split(part), groups)
