import csv
import errno

import pytest

from beauty_mlflow.data.checkup.kinds import KINDS
from beauty_mlflow.data.checkup.writing import CLASSES, CORRECTIONS, FILES, FINDINGS, OWN, PAGE, check_out
from beauty_mlflow.data.checkup.writing import write_checkup as write
from beauty_mlflow.data.safe_tables import read_table, write_table
from beauty_mlflow.data.splits.corrections import read_corrections
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data, write_splitting
from beauty_mlflow.errors import DataError
from beauty_mlflow.progress import silent_progress

SIDE = 96


def write_checkup(checkup, out):
    return write(checkup, out, silent_progress)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "check"


def test_the_table_holds_every_finding_and_the_classes_their_counts(spoiled, check, out):
    checkup = check(spoiled)
    write_checkup(checkup, out)
    header, rows = read_table(out / FINDINGS)
    assert header == ["path", "class", "part", "finding", "value", "detail"]
    assert [tuple(row) for row in rows] == list(checkup.lines())
    header, rows = read_table(out / CLASSES)
    counted = {name: sum(int(row[header.index(name)]) for row in rows) for name in (kind.name for kind in KINDS)}
    assert counted == {kind.name: count for kind, count in checkup.counts.items()}


def test_proposes_to_drop_what_is_blank_or_in_several_classes(spoiled, check, out):
    assert write_checkup(check(spoiled), out) == (5, 0)
    assert read_corrections(out / CORRECTIONS) == dict.fromkeys(
        [
            "shampoo/001.png",
            "soap/exact_other_class.png",
            "shampoo/002.png",
            "soap/near_other_class.jpg",
            "shampoo/blank.png",
        ],
        "drop",
    )


def test_a_splits_own_corrections_are_kept_beside_the_proposals(spoiled, check, tmp_path, out):
    own = {"shampoo/010.png": "soap", "shampoo/blank.png": "soap", "shampoo/dark.png": "drop", "soap/011.png": "drop"}
    manifest = tmp_path / "split.csv"
    write_splitting(split_data(spoiled, SplitOptions(corrections=own), silent_progress), manifest)
    (spoiled / "shampoo" / "dark.png").unlink()
    check_out(out)
    assert write_checkup(check(manifest), out) == (5, 2)
    corrections = read_corrections(out / CORRECTIONS)
    expected = {"shampoo/010.png": "soap", "shampoo/blank.png": "drop", "soap/011.png": "drop"}
    assert {path: corrections.get(path) for path in own} == expected | {"shampoo/dark.png": None}
    assert len(corrections) == 5 + 2
    reasons = {path: reason for path, _, reason in read_table(out / CORRECTIONS)[1]}
    assert reasons["shampoo/blank.png"].endswith(f"; if it is right, write soap for drop: {OWN}")
    assert not any("write" in reason for path, reason in reasons.items() if path != "shampoo/blank.png")
    check_out(out)


def test_a_split_applies_the_proposals_as_they_are(spoiled, check, out):
    write_checkup(check(spoiled), out)
    corrections = out / CORRECTIONS
    split = split_data(spoiled, SplitOptions(corrections=read_corrections(corrections)), silent_progress).split
    assert not {"shampoo/blank.png", "soap/exact_other_class.png"} & set(split.table["path"])
    assert "shampoo/000.png" in set(split.table["path"])


def test_no_name_becomes_a_formula(make_good, check, out):
    write_checkup(check(make_good({"=1+1": 3, "@soap": 3, "-x": 3, "plain": 40})), out)
    for name in (FINDINGS, CLASSES, CORRECTIONS):
        with (out / name).open(encoding="utf-8", newline="") as stream:
            assert not [cell for row in csv.reader(stream) for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_an_earlier_check_up_is_replaced(spoiled, make_good, check, out):
    for data in (spoiled, make_good({"shampoo": 3, "soap": 3}, name="other")):
        check_out(out)
        write_checkup(check(data), out)
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    assert read_table(out / FINDINGS)[1] == []


def test_an_end_in_the_middle_leaves_no_corrections_that_seem_edited(spoiled, make_good, check, out):
    write_checkup(check(spoiled), out)
    (out / CLASSES).unlink()
    (out / CLASSES).mkdir()
    with pytest.raises(DataError, match="can't be written"):
        write_checkup(check(make_good({"shampoo": 3, "soap": 3}, name="other")), out)
    (out / CLASSES).rmdir()
    check_out(out)


def test_a_full_disk_leaves_the_earlier_check_up_as_it_was(spoiled, make_good, check, out):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    write_checkup(check(make_good({"shampoo": 3, "soap": 3}, name="other")), out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(DataError, match="No space left on device"):
        write(check(spoiled), out, full)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_edited_corrections_are_not_replaced(spoiled, check, out):
    write_checkup(check(spoiled), out)
    header, rows = read_table(out / CORRECTIONS)
    write_table(out / CORRECTIONS, header, rows[:-1])
    with pytest.raises(DataError, match=r"corrections\.csv' was edited, so it isn't replaced"):
        check_out(out)


@pytest.mark.parametrize("name", [PAGE, FINDINGS, CLASSES])
def test_a_file_of_the_users_own_is_not_replaced(out, name):
    out.mkdir()
    (out / name).write_text("mine")
    with pytest.raises(DataError, match=f"{name}' is no check-up's"):
        check_out(out)


def test_a_folder_in_the_place_of_a_file_and_a_file_in_the_place_of_the_folder_are_errors(out, tmp_path):
    (out / PAGE).mkdir(parents=True)
    with pytest.raises(DataError, match="is no check-up's"):
        check_out(out)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match="can't be written"):
        check_out(tmp_path / "file")


def test_what_the_system_says_against_writing_is_an_error_with_advice(out, spoiled, check):
    (out / FINDINGS).mkdir(parents=True)
    with pytest.raises(DataError, match=r"can't be written.*give out a folder"):
        write_checkup(check(spoiled), out)
    assert [path.name for path in out.iterdir()] == [FINDINGS]
