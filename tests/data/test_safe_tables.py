import csv

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.data.safe_tables import read_table, write_table
from beauty_mlflow.errors import DataError

# every text that a name can be: UTF-8 has no surrogates, file systems and pandas no NUL
cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8) | st.sampled_from(
    ["=1+1", "@SUM(A1)", "-2", "+3", "'", "''", "'=1", "\t=1", "\r=1", "a\rb", 'say "hi"', ",", "", "NA"]
)


@settings(max_examples=60)
@given(rows=st.lists(st.lists(cells, min_size=2, max_size=2), max_size=6), delimiter=st.sampled_from(",\t"))
def test_any_text_comes_back_and_none_starts_a_formula(tmp_path_factory, rows, delimiter):
    path = tmp_path_factory.mktemp("tables") / "t.csv"
    write_table(path, ["a", "b"], rows, delimiter=delimiter)
    assert read_table(path, delimiter=delimiter) == (["a", "b"], rows)
    with path.open(encoding="utf-8", newline="") as stream:
        raw = list(csv.reader(stream, delimiter=delimiter))
    assert not [cell for row in raw for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]


def test_ordinary_names_stand_as_they_are_and_pandas_reads_them(tmp_path):
    path = tmp_path / "t.csv"
    write_table(path, ["class", "n"], [["Hair, dyed", 3], ["Größe", 0.5]])
    assert path.read_text("utf-8") == 'class,n\n"Hair, dyed",3\nGröße,0.5\n'
    assert pd.read_csv(path)["class"].tolist() == ["Hair, dyed", "Größe"]


def test_negative_numbers_stay_numbers(tmp_path):
    write_table(tmp_path / "t.csv", ["n"], [[-3], [-0.5]])
    assert (tmp_path / "t.csv").read_text("utf-8") == "n\n-3\n-0.5\n"


@pytest.mark.parametrize("content", [b"", b"a,b\n1\n", b'a\n"x', b"\xff\xfe"])
def test_what_is_no_table_is_named(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"t\.csv (can't be read as a table|is no table)"):
        read_table(tmp_path / "t.csv")


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv can't be read as a table"):
        read_table(tmp_path / "none.csv")


def test_an_error_in_the_rows_leaves_the_table_as_it_was(tmp_path):
    """Rows are written as they come, but nobody sees half of them."""
    write_table(tmp_path / "t.csv", ["n"], [[1]])
    with pytest.raises(ZeroDivisionError):
        write_table(tmp_path / "t.csv", ["n"], ([1 // (3 - n)] for n in range(9)))
    assert (tmp_path / "t.csv").read_text("utf-8") == "n\n1\n"
    assert len(list(tmp_path.iterdir())) == 1
