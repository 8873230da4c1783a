from contextlib import suppress

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.data.safe_tables import read_table
from beauty_mlflow.errors import DataError, WorkError
from beauty_mlflow.jobs.prediction_parts import open_parts
from beauty_mlflow.serving.answers import Answer, Guess, no_answer

PLAN = {"model": "beauty/3", "top": "2"}


def row(number, *, abstained=False, error=None):
    if error:
        return f"{number}.jpg", no_answer(error, "beauty/3")
    guesses = [Guess(label="a", probability=0.75), Guess(label="=b", probability=0.25)]
    return f"{number}.jpg", Answer("a", 0.75, guesses, abstained, None, "beauty/3")


def interrupt(out, *parts, plan=PLAN):
    """Leave these parts behind, as an interrupted command does."""
    with suppress(KeyboardInterrupt), open_parts(out, plan) as begun:
        for part in parts:
            begun.append(part)
        raise KeyboardInterrupt


@settings(max_examples=25)
@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=6), cut=st.integers(0, 6), csv=st.booleans())
def test_every_row_comes_once_and_in_order(tmp_path_factory, sizes, cut, csv):
    """However many rows the parts have, and wherever it was interrupted."""
    out = tmp_path_factory.mktemp("parts") / f"out.{'csv' if csv else 'parquet'}"
    rows = iter([row(number, error="empty" if number % 3 == 2 else None) for number in range(sum(sizes))])
    parts = [[next(rows) for _ in range(size)] for size in sizes]
    interrupt(out, *parts[:cut])
    with open_parts(out, PLAN) as found:
        assert found.done == sum(sizes[:cut])
        for part in parts[cut:]:
            found.append(part)
        counts = found.join(sum(sizes), 2)
    assert (counts.rows, counts.errors, counts.abstained) == (sum(sizes), sum(sizes) // 3, 0)
    table = pd.read_csv(out) if csv else pd.read_parquet(out)
    assert table["path"].tolist() == [f"{number}.jpg" for number in range(sum(sizes))]
    assert table["label"].isna().tolist() == [number % 3 == 2 for number in range(sum(sizes))]
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_a_csv_has_a_column_for_each_place_and_is_harmless(tmp_path):
    with open_parts(tmp_path / "out.csv", PLAN) as parts:
        parts.append([row(0, abstained=True), row(1, error="the file is empty")])
        assert parts.join(2, 2).abstained == 1
    header, rows = read_table(tmp_path / "out.csv")
    best = ["top1", "top1_probability", "top2", "top2_probability"]
    assert header == ["path", "label", "probability", *best, "abstained", "error", "model_version"]
    assert rows == [
        ["0.jpg", "a", "0.75", "a", "0.75", "=b", "0.25", "true", "", "beauty/3"],
        ["1.jpg", "", "", "", "", "", "", "false", "the file is empty", "beauty/3"],
    ]
    assert ",'=b," in (tmp_path / "out.csv").read_text()


def test_parquet_keeps_many_parts_together(tmp_path):
    """Thousands of small row groups would be slow to read."""
    with open_parts(tmp_path / "out.parquet", PLAN) as parts:
        for start in range(0, 60, 20):
            parts.append([row(number) for number in range(start, start + 20)])
        parts.join(60, 2)
    assert pq.read_metadata(tmp_path / "out.parquet").num_row_groups == 1


def test_another_plan_is_refused_and_says_what_differs(tmp_path):
    out = tmp_path / "out.parquet"
    interrupt(out, [row(0)])
    with (
        pytest.raises(
            DataError, match=r"model was beauty/3 and is beauty/4.*remove the folder '.*\.out\.parquet\.part"
        ),
        open_parts(out, {**PLAN, "model": "beauty/4"}),
    ):
        pass
    with open_parts(out, PLAN) as parts:
        assert parts.done == 1


def test_nothing_stays_of_a_command_that_did_nothing(tmp_path):
    interrupt(tmp_path / "new" / "out.parquet")
    assert not list((tmp_path / "new").iterdir())


def test_two_at_once_and_what_is_there_already(tmp_path):
    out = tmp_path / "out.csv"
    with open_parts(out, PLAN), pytest.raises(DataError, match="another process is predicting into"):
        open_parts(out, PLAN).__enter__()
    out.write_text("mine")
    with pytest.raises(DataError, match=r"out\.csv' exists and isn't replaced"):
        open_parts(out, PLAN).__enter__()
    assert out.read_text() == "mine"


@pytest.mark.parametrize("damage", ["cut", "gone", "plan"])
def test_damaged_parts_are_named(tmp_path, damage):
    out = tmp_path / "out.parquet"
    interrupt(out, [row(0), row(1)], [row(2)])
    first, second = sorted((tmp_path / ".out.parquet.partial").glob("*.parquet"))
    if damage == "cut":
        second.write_bytes(second.read_bytes()[:-9])
    elif damage == "gone":
        first.unlink()
    else:
        first.with_name("plan.json").write_text("[")
    expected = {"cut": second.name, "gone": second.name, "plan": "plan.json"}[damage]
    with pytest.raises(DataError, match=rf"{expected}.*remove the folder"), open_parts(out, PLAN):
        pass


def test_a_missing_row_is_no_table(tmp_path):
    with open_parts(tmp_path / "out.csv", PLAN) as parts:
        parts.append([row(0)])
        with pytest.raises(WorkError, match="1 rows were predicted of 2"):
            parts.join(2, 2)
    assert not (tmp_path / "out.csv").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DataError, match=r"out\.csv' can't be written \(Not a directory\)"),
        open_parts(tmp_path / "file" / "out.csv", PLAN),
    ):
        pass
