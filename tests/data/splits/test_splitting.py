import os
import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from beauty_mlflow.data.splits.grouping import group_split
from beauty_mlflow.data.splits.manifest import PARTS, read_split, write_split
from beauty_mlflow.data.splits.splitting import SplitOptions, open_data, split_data, write_splitting
from beauty_mlflow.errors import DataError, ManifestError, ParameterError
from beauty_mlflow.progress import silent_progress

bounded = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


def split(data, **options):
    return split_data(Path(data), SplitOptions(**options), silent_progress)


def parts_of(splitting):
    table = splitting.split.table
    return dict(zip(table["path"], table["part"], strict=True))


def sizes(splitting):
    return [sum(splitting.split.counts[part].values()) for part in PARTS]


@pytest.fixture
def data(make_folder):
    return make_folder({"a": 20, "b": 10})


def test_every_picture_is_in_one_part_at_the_wanted_ratios(data):
    done = split(data)
    assert done.split.counts == {
        "train": {"a": 16, "b": 8},
        "val": {"a": 2, "b": 1},
        "test": {"a": 2, "b": 1},
    }
    assert done.split.classes == ("a", "b")
    assert len(done.quarantine) == 0
    (note,) = done.notes
    assert note.startswith("Duplicates: 0 of 30 pictures have copies. 0 are exact copies, in 0 groups; 0 groups hold")


def test_the_same_again_gives_the_same_bytes_and_another_seed_others(data, tmp_path):
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        write_splitting(split(data, seed=seed), tmp_path / name / "split.csv")
    one, two, three = ((tmp_path / name / "split.csv").read_bytes() for name in ("one", "two", "three"))
    assert one == two != three
    assert (tmp_path / "one" / "split.json").read_bytes() == (tmp_path / "two" / "split.json").read_bytes()


def test_one_class_does_not_change_the_placement_of_another(make_folder):
    few = split(make_folder({"a": 20, "b": 10}, "few"))
    more = split(make_folder({"a": 20, "b": 10, "c": 5}, "more"))
    assert parts_of(few).items() <= parts_of(more).items()


def test_other_ratios_are_kept(data):
    assert sizes(split(data, train=0.5, val=0.3, test=0.2)) == [15, 9, 6]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": 0.9}, "train, val and test are 0.9, 0.1 and 0.1; expected positive ratios that sum to 1"),
        ({"train": 1.0, "val": 0.0, "test": 0.0}, "expected positive ratios"),
        ({"train": float("nan")}, "expected positive ratios"),
        ({"strategy": "tesis"}, "strategy is 'tesis'; .* Did you mean 'thesis'"),
        ({"duplicates": "keep"}, "duplicates is 'keep'; expected one of together, drop, ignore"),
        ({"strategy": "thesis", "duplicates": "drop"}, "duplicates=drop contradicts it"),
        ({"strategy": "thesis", "group_by": "x"}, "group_by=x contradicts it"),
        ({"strategy": "thesis", "train": 0.7, "val": 0.2}, "train=0.7, val=0.2, test=0.1 contradicts it"),
        ({"strategy": "thesis", "extend": Path("old.csv")}, "extend=old.csv contradicts it"),
    ],
)
def test_options_that_cannot_be_are_errors(options, message):
    with pytest.raises(ParameterError, match=message):
        SplitOptions(**options)


def test_the_thesis_strategy_cuts_sorted_file_names(make_folder, draw, encode):
    """Eight, one and one of ten by name, wherever the copies are; what straddles is counted."""
    data = make_folder({"a": ["z/0.png", *(f"{n}.png" for n in range(1, 10))], "b": 10})
    (data / "b" / "009.png").write_bytes((data / "b" / "000.png").read_bytes())
    done = split(data, strategy="thesis")
    assert [path for path, part in parts_of(done).items() if part == "test"] == ["a/9.png", "b/009.png"]
    assert parts_of(done)["a/z/0.png"] == "train"
    assert done.split.options["duplicates"] == "ignore"
    assert any("1 groups of copies (2 pictures) stand in more than one part" in note for note in done.notes)


def test_broken_pictures_are_left_out_listed_and_counted(data, tmp_path, draw, encode):
    whole = encode(draw(99), "JPEG")
    (data / "a" / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (data / "a" / "empty.jpg").touch()
    (data / "b" / "page.jpg").write_text("<html>")
    os.mkfifo(data / "b" / "pipe.jpg")
    done = split(data)
    assert done.quarantine["path"].to_list() == ["a/empty.jpg", "a/half.jpg", "b/page.jpg", "b/pipe.jpg"]
    assert all(done.quarantine["reason"])
    assert sum(sizes(done)) == 30
    assert done.split.quarantined == 4
    assert "4 files were left out; the quarantine lists them with the reasons." in done.notes
    write_splitting(done, tmp_path / "split.csv")
    assert (tmp_path / "split.quarantine.csv").read_text().startswith("path,reason\na/empty.jpg,")
    assert len(open_data(tmp_path / "split.csv", silent_progress).quarantine) == 4


def test_strict_makes_a_broken_picture_an_error(data):
    (data / "a" / "empty.jpg").touch()
    with pytest.raises(DataError, match=r"1 files of .* can't be used: 'a/empty.jpg': .*empty"):
        split(data, strict=True)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({"a": 5}, "holds one class alone, 'a'"),
        ({"a": 5, "b": 2}, r"1 classes have too few pictures .*: 'b' \(2 pictures, none for test\)"),
        ({"a": 0, "b": 0}, "holds no picture"),
    ],
)
def test_too_little_data_is_an_error_that_says_where(make_folder, classes, message):
    with pytest.raises(DataError, match=message):
        split(make_folder(classes))


def test_a_class_of_broken_pictures_alone_is_an_error(data):
    (data / "c").mkdir()
    (data / "c" / "x.jpg").write_text("no picture")
    with pytest.raises(DataError, match=r"the class 'c' has no usable picture \(1 files can't be used: 'c/x.jpg'"):
        split(data)


def test_three_pictures_are_enough(make_folder):
    assert sizes(split(make_folder({"a": 3, "b": 3}))) == [2, 2, 2]


@pytest.fixture
def copied(make_folder, draw, encode):
    """Two classes of twelve pictures; six of a twice, three of those as JPEG, one of b also in a."""
    data = make_folder({"a": 12, "b": 12})
    for number in range(3):
        (data / "a" / f"copy{number}.png").write_bytes((data / "a" / f"{number:03d}.png").read_bytes())
        (data / "a" / f"near{number}.jpg").write_bytes(encode(draw(number + 3), "JPEG", quality=90, subsampling=0))
    (data / "a" / "other.png").write_bytes((data / "b" / "000.png").read_bytes())
    return data


@pytest.mark.parametrize("seed", range(3))
def test_copies_stay_together_and_are_counted(copied, seed):
    done = split(copied, seed=seed)
    table = done.split.table
    grouped = table[table["duplicate_group"] != ""].groupby("duplicate_group")
    assert len(grouped) == 7
    assert (grouped["part"].nunique() == 1).all()
    assert done.notes[0] == (
        "Duplicates: 14 of 31 pictures have copies. 8 are exact copies, in 4 groups; 3 groups hold near copies."
    )
    assert "1 groups of copies (2 pictures) are in more than one class" in done.notes[1]


def test_dropped_copies_are_listed_and_those_in_two_classes_stay(copied):
    done = split(copied, duplicates="drop")
    assert done.split.dropped == {
        "a/copy0.png": "a/000.png",
        "a/copy1.png": "a/001.png",
        "a/copy2.png": "a/002.png",
        "a/near0.jpg": "a/003.png",
        "a/near1.jpg": "a/004.png",
        "a/near2.jpg": "a/005.png",
    }
    assert "6 copies were dropped; the manifest's sidecar lists them." in done.notes
    assert done.quarantine.empty
    assert done.split.quarantined == 0
    table = done.split.table
    twice = table[table["duplicate_group"] != ""]
    assert twice["path"].to_list() == ["a/other.png", "b/000.png"]
    assert twice["part"].nunique() == 1


def test_ignored_copies_are_still_counted(copied):
    done = split(copied, duplicates="ignore")
    assert "14 of 31 pictures have copies" in done.notes[0]
    assert sizes(done) == [25, 3, 3]


def test_a_class_whose_pictures_all_look_alike_is_split_with_a_warning(make_folder, encode):
    data = make_folder({"a": 10, "b": 0})
    for number in range(10):
        (data / "b" / f"{number}.png").write_bytes(encode(Image.new("RGB", (30, 30), (200 + number, 200, 200))))
    done = split(data)
    assert done.split.counts["test"] == {"a": 1, "b": 1}
    assert any("10 of the 10 pictures of the class 'b' look alike" in note for note in done.notes)


def test_a_class_of_one_file_copied_cannot_be_split(make_folder, draw, encode):
    data = make_folder({"a": 5, "b": 0})
    for number in range(10):
        (data / "b" / f"{number}.png").write_bytes(encode(draw(77)))
    with pytest.raises(DataError, match=r"'b' \(10 pictures, none for val and test\)"):
        split(data)


def test_a_regular_expression_keeps_products_together(make_folder):
    names = [f"p{product}-{side}.png" for product in range(8) for side in "abc"]
    done = split(make_folder({"x": names, "y": names}), group_by=r"(p\d+)-")
    table = done.split.table
    assert set(table["product"]) == {f"p{product}" for product in range(8)}
    assert (table.groupby("product")["part"].nunique() == 1).all()
    assert all(done.split.counts[part][name] for part in PARTS for name in "xy")


def test_pictures_without_a_product_are_an_error(data):
    with pytest.raises(DataError, match=r"group_by='a/\(.*\)' \(a regular expression\) gives no product for 10 of 30"):
        split(data, group_by="a/(.*)")


def test_what_is_neither_column_nor_regular_expression_is_an_error(data):
    with pytest.raises(ParameterError, match=r"group_by is '\(': neither a column of the data nor a regular"):
        split(data, group_by="(")


def test_a_column_of_a_table_names_the_product(data):
    rows = [f"{name}/{n:03d}.png,{name},{n % 5}" for name, count in (("a", 20), ("b", 10)) for n in range(count)]
    (data / "table.csv").write_text("path,class,shop\n" + "\n".join(rows) + "\n")
    table = split(data / "table.csv", group_by="shop").split.table
    assert (table.groupby("product")["part"].nunique() == 1).all()
    with pytest.raises(ParameterError, match="group_by is 'class', which names no product"):
        split(data / "table.csv", group_by="class")
    with pytest.raises(DataError, match="The table's other columns: shop"):
        split(data / "table.csv", group_by="sop")


@pytest.fixture
def split_folder(make_folder):
    return make_folder({f"{part}/{name}": 4 for part in ("train", "validation", "test") for name in "ab"}, "split")


def test_data_that_is_split_keeps_its_parts_and_straddling_is_said(split_folder):
    (split_folder / "test" / "a" / "000.png").write_bytes((split_folder / "train" / "a" / "000.png").read_bytes())
    done = split(split_folder)
    assert sizes(done) == [8, 8, 8]
    assert done.split.options["strategy"] == "given"
    assert "1 groups of copies (2 pictures) stand in more than one part" in done.notes[-1]
    with pytest.raises(ParameterError, match="leave strategy=thesis out"):
        split(split_folder, strategy="thesis")


def test_a_class_missing_from_a_given_part_is_said_and_from_train_an_error(split_folder):
    for path in (split_folder / "test" / "b").iterdir():
        path.unlink()
    assert "WARNING: the class 'b' has no picture for test." in split(split_folder).notes
    for path in (split_folder / "train" / "b").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"'b' \(4 pictures, none for train and test\)"):
        split(split_folder)


def test_a_part_without_pictures_is_an_error(split_folder):
    for name in "ab":
        for path in (split_folder / "validation" / name).iterdir():
            path.unlink()
    with pytest.raises(DataError, match="the data has no picture for val"):
        split(split_folder)


@pytest.fixture
def old_manifest(data, tmp_path):
    write_splitting(split(data), tmp_path / "old.csv")
    return tmp_path / "old.csv"


@bounded
@given(
    st.tuples(
        st.integers(0, 12),
        st.sets(st.integers(0, 19), max_size=6),
        st.sets(st.integers(0, 19), max_size=4),
        st.sampled_from(["together", "drop", "ignore"]),
    )
)
def test_extending_never_moves_an_old_picture(data, old_manifest, make_folder, change):
    """Whatever is added, removed or renamed; what is gone is counted."""
    new, gone, renamed, rule = change
    old = read_split(old_manifest, check_pictures=False)
    for path in (data / "a").glob("*.png"):
        path.unlink()
    make_folder({"a": 20})
    make_folder({"a": [f"new{number}.png" for number in range(new)], "c": 4}, first_seed=1000)
    for number in renamed:
        (data / "a" / f"{number:03d}.png").rename(data / "a" / f"moved{number:03d}.png")
    for number in gone - renamed:
        (data / "a" / f"{number:03d}.png").unlink()
    done = split(data, extend=old_manifest, seed=5, duplicates=rule)
    before = {(c, s): p for c, s, p in old.table[["class", "sha256", "part"]].itertuples(index=False)}
    after = {(c, s): p for c, s, p in done.split.table[["class", "sha256", "part"]].itertuples(index=False)}
    assert all(after[key] == part for key, part in before.items() if key in after)
    assert len(before.keys() - after.keys()) == len(gone - renamed)
    assert done.split.classes == ("a", "b", "c")
    assert done.notes[0].startswith(f"{30 - len(gone - renamed)} pictures of the old manifest keep their parts, ")
    assert (f"{len(gone - renamed)} pictures of the old manifest are gone" in done.notes[1]) == bool(gone - renamed)


def test_extending_appends_new_classes_after_the_old_ones(make_folder, tmp_path):
    data = make_folder({"m": 5, "n": 5})
    write_splitting(split(data), tmp_path / "old.csv")
    make_folder({"a": 5}, first_seed=50)
    done = split(data, extend=tmp_path / "old.csv")
    assert done.split.classes == ("m", "n", "a")
    assert "1 new classes were appended to the old manifest's: a." in done.notes
    for path in (data / "m").iterdir():
        path.unlink()
    done = split(data, extend=tmp_path / "old.csv")
    assert done.split.classes == ("n", "a")
    assert any("1 classes of the old manifest have no picture any more" in note for note in done.notes)


def test_copies_of_old_pictures_follow_them(data, old_manifest):
    before = parts_of(open_data(old_manifest, silent_progress))
    for path in before:
        copy = data / path.replace(".png", "-copy.png")
        copy.write_bytes((data / path).read_bytes())
    after = parts_of(split(data, extend=old_manifest))
    assert all(after[path.replace(".png", "-copy.png")] == part for path, part in before.items())


def test_a_picture_in_another_class_keeps_its_part(data, old_manifest):
    """Relabelled pictures don't get from one part into another, and are counted."""
    old = read_split(old_manifest).table
    before = dict(zip(old["sha256"], old["part"], strict=True))
    for number in range(8):
        (data / "a" / f"{number:03d}.png").rename(data / "b" / f"from-a-{number}.png")
    for seed in range(3):
        done = split(data, extend=old_manifest, seed=seed)
        assert dict(zip(done.split.table["sha256"], done.split.table["part"], strict=True)) == before
    assert done.notes[0] == "30 pictures of the old manifest keep their parts, 0 are new."
    assert done.notes[1].startswith(
        "WARNING: 8 of them have another class than in the old manifest, and keep their parts all the same: "
        "'b/from-a-0.png' ('a', now 'b'), "
    )


def test_copies_in_two_classes_keep_each_its_own_part(make_folder, tmp_path):
    """With exact copies in several parts (the thesis's cut), path and class say which is which."""
    data = make_folder({"a": 10, "b": 10})
    (data / "b" / "009.png").write_bytes((data / "a" / "000.png").read_bytes())
    write_splitting(split(data, strategy="thesis"), tmp_path / "old.csv")
    before = parts_of(open_data(tmp_path / "old.csv", silent_progress))
    assert before["a/000.png"] != before["b/009.png"]
    assert parts_of(split(data, extend=tmp_path / "old.csv")) == before
    (data / "a" / "000.png").rename(data / "a" / "renamed.png")
    after = parts_of(split(data, extend=tmp_path / "old.csv"))
    assert (after["a/renamed.png"], after["b/009.png"]) == (before["a/000.png"], before["b/009.png"])


def test_a_folder_that_switches_prefix_stripping_off_moves_no_picture(make_folder, tmp_path):
    data = make_folder({"boxes_A_0001": 10, "boxes_B_0002": 10})
    write_splitting(split(data), tmp_path / "old.csv")
    before = parts_of(open_data(tmp_path / "old.csv", silent_progress))
    make_folder({"other": 10}, first_seed=100)
    done = split(data, extend=tmp_path / "old.csv")
    assert before.items() <= parts_of(done).items()
    assert done.split.classes == ("boxes_A_0001", "boxes_B_0002", "other")
    assert "20 of them have another class than in the old manifest" in done.notes[1]
    assert any("2 classes of the old manifest have no picture any more" in note for note in done.notes)


def test_a_grouped_manifest_can_be_extended_and_that_is_said(make_folder, tmp_path):
    data = make_folder({"a": 5, "b": 5, "c": 5})
    grouped, _ = group_split(split(data).split, {"ab": ["a", "b"]})
    write_split(grouped, tmp_path / "grouped.csv")
    done = split(data, extend=tmp_path / "grouped.csv", seed=7)
    assert parts_of(done) == parts_of(open_data(tmp_path / "grouped.csv", silent_progress))
    assert "10 of them have another class" in done.notes[1]
    assert done.notes[1].endswith("It is a grouped one: group the new manifest too.")


def test_other_data_cannot_extend_a_manifest(make_folder, old_manifest):
    other = make_folder({"a": 5, "b": 5}, "other", first_seed=500)
    with pytest.raises(DataError, match="none of the 30 pictures of the manifest to extend is in the data"):
        split(other, extend=old_manifest)


def test_dropping_keeps_the_old_of_two_copies(data, old_manifest):
    (data / "a" / "!first.png").write_bytes((data / "a" / "000.png").read_bytes())
    done = split(data, extend=old_manifest, duplicates="drop")
    assert done.split.dropped == {"a/!first.png": "a/000.png"}


def test_a_damaged_manifest_cannot_be_extended(data, old_manifest):
    old_manifest.write_text("path\n")
    with pytest.raises(ManifestError, match="is no split manifest"):
        split(data, extend=old_manifest)


def test_a_manifest_is_opened_as_it_is_and_cannot_be_split(data, old_manifest):
    opened = open_data(old_manifest, silent_progress)
    assert opened.split.fingerprint == split(data).split.fingerprint
    assert opened.notes == []
    with pytest.raises(DataError, match="is a split manifest already"):
        split(old_manifest)


def test_anything_else_is_opened_with_the_defaults_and_that_is_said(data, split_folder):
    assert "is no manifest. It was split with the defaults" in open_data(data, silent_progress).notes[0]


def test_data_with_given_parts_is_opened_with_them_and_that_is_said(split_folder):
    assert "is no manifest. It says itself which part" in open_data(split_folder, silent_progress).notes[0]


def test_hostile_names_come_through_splitting_and_reading(make_folder, tmp_path):
    names = ["new\nline.png", "re\rturn.png", 'quo"te,comma.png', " space .png", "e\u0301\U0001f484.PNG"]
    data = make_folder({"a\nb": names, "b": 5})
    done = split(data)
    write_splitting(done, tmp_path / "split.csv")
    assert parts_of(open_data(tmp_path / "split.csv", silent_progress)) == parts_of(done)


def test_classes_with_nearly_the_same_name_are_said(make_folder):
    done = split(make_folder({"caf\u00e9": 3, "cafe\u0301": 3, "tea": 3, "Tea": 3}))
    assert sum("have nearly the same name" in note for note in done.notes) == 2


class Bar:
    """A progress bar that tells a function how many were counted."""

    def __init__(self, tell):
        self.update = tell

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        pass


def test_progress_counts_every_picture(data):
    counted = Counter()

    def progress(name, total):
        counted[name, "total"] = total
        return Bar(lambda n=1: counted.update({name: n}))

    split_data(data, SplitOptions(), progress)
    assert counted == {("Reading pictures", "total"): 30, "Reading pictures": 30}


def test_an_interrupt_leaves_no_thread_behind(data):
    def interrupt():
        raise KeyboardInterrupt("stop")

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt, match="stop"):
        split_data(data, SplitOptions(), lambda *_: Bar(interrupt))
    assert threading.active_count() == before


def test_a_data_folder_whose_name_is_not_utf8_is_refused_before_pictures_are_read(make_folder, monkeypatch):
    """The sidecar, which is JSON, couldn't name it; a link to it can have another name."""
    data = make_folder({"a": 4, "b": 4}, name=os.fsdecode(b"caf\xe9"))
    monkeypatch.setattr("beauty_mlflow.data.splits.gathering.inspect_pictures", lambda *_: pytest.fail("read pictures"))
    with pytest.raises(DataError, match=r"caf.' isn't UTF-8, so that no manifest can say where .* give a link to it"):
        split_data(data, SplitOptions(), silent_progress)


def test_the_quarantine_is_harmless_in_a_spreadsheet_and_read_back_exactly(make_folder, tmp_path):
    data = make_folder({"=cmd": 12, "b": 12})
    (data / "=cmd" / "broken.jpg").write_bytes(b"")
    write_splitting(split_data(data, SplitOptions(), silent_progress), tmp_path / "split.csv")
    assert (tmp_path / "split.quarantine.csv").read_text() == "path,reason\n'=cmd/broken.jpg,the file is empty\n"
    opened = open_data(tmp_path / "split.csv", silent_progress)
    assert opened.quarantine["path"].tolist() == ["=cmd/broken.jpg"]
