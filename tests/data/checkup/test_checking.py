"""A check-up from any data to its findings."""

import os

import pytest
from PIL import Image

from beauty_mlflow.data.checkup.checking import check_splitting
from beauty_mlflow.data.checkup.classes import class_table
from beauty_mlflow.data.checkup.kinds import KINDS
from beauty_mlflow.data.checkup.measuring import Measuring
from beauty_mlflow.data.duplicates.finding import TOLERANCE
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data, write_splitting
from beauty_mlflow.errors import DataError, ManifestError, ParameterError
from beauty_mlflow.progress import silent_progress

SIDE = 96


def test_good_pictures_give_no_finding(make_good, check):
    checkup = check(make_good({"shampoo": 20, "soap": 20}))
    assert not list(checkup.lines())
    assert (len(checkup.table), checkup.serious) == (40, 0)


def test_each_thing_that_is_wrong_is_found_and_nothing_else(spoiled, check, found_of, wrong):
    found = found_of(check(spoiled))
    assert {name: {f"shampoo/{name}.png"} for name in wrong} == {name: found[name] for name in wrong}
    assert found["exact_copy"] == {
        "shampoo/000.png",
        "shampoo/exact_copy.png",
        "shampoo/001.png",
        "soap/exact_other_class.png",
    }
    assert found["exact_other_class"] == {"shampoo/001.png", "soap/exact_other_class.png"}
    assert found["near_other_class"] == {"shampoo/002.png", "soap/near_other_class.jpg"}
    assert found["near_copy"] == {
        "shampoo/003.png",
        "shampoo/near_copy.jpg",
        "shampoo/002.png",
        "soap/near_other_class.jpg",
    }
    assert found["broken"] == {
        f"soap/{name}" for name in ("empty.png", "text.jpg", "cut.png", "nowhere.png", "pipe.png")
    }
    assert set(found) == {*wrong, "exact_copy", "exact_other_class", "near_copy", "near_other_class", "broken"}


def test_a_finding_says_what_was_measured_against_which_limit_and_which_picture_is_meant(spoiled, check):
    lines = {(line.path, line.finding): line for line in check(spoiled).lines()}
    dark = lines["shampoo/dark.png", "dark"]
    assert (dark.class_name, dark.part) == ("shampoo", "")
    assert float(dark.value) < 0.32
    assert "limit 0.32" in dark.detail
    copy = lines["soap/exact_other_class.png", "exact_other_class"]
    assert copy.detail == "the same bytes as shampoo/001.png in the class shampoo"
    assert lines["soap/empty.png", "broken"].detail == "the file is empty"


def test_every_class_is_counted_and_the_counts_add_up(spoiled, check):
    checkup = check(spoiled)
    table = class_table(checkup)
    assert table["class"].to_list() == ["shampoo", "soap", ""]
    assert table["pictures"].sum() == len(checkup.table)
    assert table[[kind.name for kind in KINDS]].to_numpy().sum() == len(list(checkup.lines()))
    assert table.set_index("class")["broken"].to_dict() == {"shampoo": 0, "soap": 3, "": 2}


def test_leaks_between_the_parts_of_a_split_folder(make_good, encode, draw, tmp_path, check, found_of):
    for seed, part in enumerate(("train", "validation", "test")):
        make_good({"shampoo": 8, "soap": 8}, name=f"split/{part}", first=100 * seed)
    test = tmp_path / "split" / "test"
    (test / "soap" / "exact.png").write_bytes((tmp_path / "split/train/soap/000.png").read_bytes())
    (test / "soap" / "near.jpg").write_bytes(encode(draw(9, SIDE), "JPEG", quality=75))
    found = found_of(check(tmp_path / "split"))
    assert found["exact_other_part"] == {"train/soap/000.png", "test/soap/exact.png"}
    assert found["near_other_part"] == {"train/soap/001.png", "test/soap/near.jpg"}
    assert "exact_other_class" not in found


def test_the_same_product_in_several_parts_is_found_by_group_by(make_good, tmp_path, check, found_of):
    for seed, part in enumerate(("train", "val", "test")):
        make_good({"shampoo": 4, "soap": 4}, name=f"split/{part}", first=100 * seed)
    (tmp_path / "split/test/soap/000.png").rename(tmp_path / "split/test/soap/900.png")
    found = found_of(check(tmp_path / "split", group_by=r"[^/]+/\d+"))
    assert "test/soap/900.png" not in found["product_other_part"]
    assert len(found["product_other_part"]) == 3 * 8 - 1
    assert "product_other_part" not in found_of(check(tmp_path / "split"))


def test_a_manifest_is_checked_with_its_parts_and_products(make_good, tmp_path, check, found_of):
    data = make_good({"shampoo": 12, "soap": 12})
    (data / "soap" / "zzz.png").write_bytes((data / "soap" / "000.png").read_bytes())
    manifest = tmp_path / "split.csv"
    write_splitting(split_data(data, SplitOptions(duplicates="ignore", seed=3), silent_progress), manifest)
    checkup = check(manifest)
    parts = checkup.table.set_index("path")["part"]
    assert checkup.is_split
    assert set(parts) == {"train", "val", "test"}
    assert ("exact_other_part" in found_of(checkup)) == (parts["soap/zzz.png"] != parts["soap/000.png"])


def test_a_manifests_changed_and_vanished_pictures_are_found(make_good, draw, encode, tmp_path, check, found_of):
    data, manifest = make_good({"shampoo": 12, "soap": 12}), tmp_path / "split.csv"
    write_splitting(split_data(data, SplitOptions(), silent_progress), manifest)
    (data / "soap" / "003.png").write_bytes(encode(draw(500, SIDE)))
    (data / "soap" / "004.png").unlink()
    (data / "soap" / "005.png").unlink()
    (data / "soap" / "005.png").symlink_to("/etc/hostname")
    checkup = check(manifest)
    assert found_of(checkup) == {"changed": {"soap/003.png"}, "broken": {"soap/004.png", "soap/005.png"}}
    assert {line.value for line in checkup.lines()} == {""}


def test_what_vanished_from_a_manifest_keeps_its_class_and_part(make_good, tmp_path, check):
    data, manifest = make_good({"shampoo": 12, "soap": 12}), tmp_path / "split.csv"
    splitting = split_data(data, SplitOptions(), silent_progress)
    write_splitting(splitting, manifest)
    for path in (data / "soap").iterdir():
        path.unlink()
    (data / "shampoo" / "000.png").write_bytes(b"no picture")
    checkup = check(manifest)
    table = splitting.split.table
    soap = {row.path: ("soap", row.part) for row in table[table["class"] == "soap"].itertuples()}
    expected = soap | {"shampoo/000.png": ("shampoo", table.set_index("path")["part"]["shampoo/000.png"])}
    assert {line.path: (line.class_name, line.part) for line in checkup.lines()} == expected
    assert class_table(checkup).set_index("class")["broken"].to_dict() == {"shampoo": 1, "soap": 12}


def test_a_manifest_whose_folder_is_gone_is_an_error(make_good, tmp_path, check):
    data, manifest = make_good({"shampoo": 12, "soap": 12}), tmp_path / "split.csv"
    write_splitting(split_data(data, SplitOptions(), silent_progress), manifest)
    data.rename(tmp_path / "moved")
    with pytest.raises(ManifestError, match=r"the data folder of .* isn't there"):
        check(manifest)


def test_what_a_split_would_refuse_can_be_checked_all_the_same(make_good, check):
    root = make_good({"shampoo": 3})
    (root / "soap").mkdir()
    (root / "soap" / "broken.png").write_bytes(b"x")
    checkup = check(root)
    assert class_table(checkup)["class"].to_list() == ["shampoo", "soap"]
    assert any("there is one class alone, 'shampoo'" in note for note in checkup.notes)


def test_data_without_a_usable_picture_is_an_error(tmp_path, check):
    (tmp_path / "data" / "soap").mkdir(parents=True)
    (tmp_path / "data" / "soap" / "broken.png").write_bytes(b"x")
    with pytest.raises(DataError, match="holds no picture that can be used; 1 files were looked at"):
        check(tmp_path / "data")


def test_a_group_by_that_gives_no_product_is_an_error(make_good, check):
    with pytest.raises(DataError, match="gives no product for 6 of 6"):
        check(make_good({"shampoo": 3, "soap": 3}), group_by="product_(.+)")
    with pytest.raises(ParameterError, match="neither a column"):
        check(make_good({"shampoo": 3, "soap": 3}, name="other"), group_by="(")


def test_uneven_and_small_classes_and_names_that_look_alike_are_said(make_good, check):
    notes = " ".join(check(make_good({"shampoo": 40, "soap": 3, "Soap": 12})).notes)
    assert "'shampoo' has 40 pictures, 'soap' 3" in notes
    assert "1 of 3 classes have fewer than 10: soap" in notes
    assert "nearly the same name: 'Soap', 'soap'" in notes


def test_a_wider_limit_finds_more_near_copies(make_good, draw, encode, check, found_of):
    root = make_good({"shampoo": 5, "soap": 5})
    paler = Image.blend(draw(0, SIDE), Image.new("RGB", (SIDE, SIDE), "white"), 0.15)
    (root / "shampoo" / "pale.png").write_bytes(encode(paler))
    assert "near_copy" not in found_of(check(root))
    assert found_of(check(root, near=60))["near_copy"] == {"shampoo/000.png", "shampoo/pale.png"}


def test_a_split_is_checked_by_what_was_seen_while_it_was_made(spoiled, check, found_of, monkeypatch):
    (spoiled / "soap" / "pipe.png").unlink()
    splitting = split_data(spoiled, SplitOptions(), silent_progress, Measuring())
    before = check(spoiled)
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("opened a file"))
    checkup = check_splitting("it", splitting)
    assert found_of(checkup) == found_of(before)
    assert set(checkup.table["part"]) == {"train", "val", "test"}


def test_copies_that_a_split_dropped_are_in_no_part(make_good):
    data = make_good({"shampoo": 12, "soap": 12})
    (data / "soap" / "zzz.png").write_bytes((data / "soap" / "000.png").read_bytes())
    splitting = split_data(data, SplitOptions(duplicates="drop"), silent_progress, Measuring())
    checkup = check_splitting("it", splitting)
    assert checkup.table.set_index("path")["part"]["soap/zzz.png"] == ""
    assert checkup.counts[next(kind for kind in KINDS if kind.name == "exact_copy")] == 2


def test_the_limit_for_near_copies_is_a_splits():
    from beauty_mlflow.jobs.check import Check

    assert Check.model_fields["near"].default == TOLERANCE


def test_a_picture_of_a_hundred_million_pixels_and_a_bomb_do_no_harm(make_good, encode, check, found_of):
    root = make_good({"shampoo": 5, "soap": 5})
    (root / "soap" / "large.png").write_bytes(encode(Image.new("1", (10_000, 9_000))))
    (root / "soap" / "bomb.png").write_bytes(encode(Image.new("1", (20_000, 9_000))))
    found = found_of(check(root))
    assert found["broken"] == {"soap/bomb.png"}
    assert found["blank"] == {"soap/large.png"}
