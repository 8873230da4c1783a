"""The tables of a sweep."""

from beauty_mlflow.data.safe_tables import read_table
from beauty_mlflow.jobs.sweep_report import _write


def test_numbers_stay_numbers_and_no_text_is_a_formula(tmp_path):
    """A choice or an error's words may begin like a formula; a value below 0 isn't one. What is missing is empty."""
    rows = [
        {"number": 0, "value": -0.5, "params.name": "=HYPERLINK(1)", "reason": ""},
        {"number": 1, "value": None, "params.name": "plain", "reason": "-1 is no rate"},
    ]
    _write(rows, tmp_path / "trials.csv")
    assert (tmp_path / "trials.csv").read_text() == (
        "number,value,params.name,reason\n0,-0.5,'=HYPERLINK(1),\n1,,plain,'-1 is no rate\n"
    )
    assert read_table(tmp_path / "trials.csv")[1][0] == ["0", "-0.5", "=HYPERLINK(1)", ""]
