import pytest

from beauty_mlflow.data.readers import list_pictures
from beauty_mlflow.errors import DataError


@pytest.mark.parametrize("validation", ["val", "validation"])
def test_parts_are_kept_and_class_names_handled_over_all_parts(make_folder, validation):
    data = make_folder({f"{part}/boxes_{name}_0001": 1 for part in ("train", validation, "test") for name in "ab"})
    listing = list_pictures(data)
    assert listing.is_split
    assert set(zip(listing.table["class"], listing.table["part"], strict=True)) == {
        (name, part) for name in "ab" for part in ("train", "val", "test")
    }


def test_loose_files_and_empty_folders_are_said(make_folder):
    data = make_folder({f"{part}/{name}": 1 for part in ("train", "val", "test") for name in "ab"})
    (data / "train" / "x.jpg").touch()
    (data / "readme.txt").touch()
    (data / "test" / "c").mkdir()
    assert list_pictures(data).notes == [
        "2 loose files belong to no class and were left out: readme.txt, train/x.jpg.",
        "1 class folders hold no picture and are no classes: test/c.",
    ]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("train", "test"), "looks split, but has no val folder"),
        (("train", "val"), "looks split, but has no test folder"),
        (("train", "val", "test", "extra"), r"looks split, but has other folders too \(extra\)"),
        (("train", "val", "validation", "test"), "has both val and validation"),
    ],
)
def test_parts_that_do_not_fit_are_an_error(make_folder, parts, message):
    data = make_folder({f"{part}/a": 1 for part in parts})
    with pytest.raises(DataError, match=message):
        list_pictures(data)


def test_a_class_called_train_is_a_class(make_folder):
    assert set(list_pictures(make_folder({"train": 1, "bus": 1})).table["class"]) == {"train", "bus"}
