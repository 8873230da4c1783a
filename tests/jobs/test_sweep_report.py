"""The tables of a sweep."""

from types import SimpleNamespace

import optuna

from beauty_mlflow.data.safe_tables import read_table
from beauty_mlflow.jobs.sweep_report import _runs, _write
from beauty_mlflow.search import attempts
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect


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


def test_runs_that_began_offline_have_the_stores_ids_or_a_warning(faults, capsys):
    """A store that can't be asked leaves ids in the report that it doesn't know."""
    store = connect()
    parent = Run.create(store, "the sweep")
    sent = Run.create(store, "a trial", {names.PARENT: parent.run_id, names.OFFLINE: "f" * 32})
    search = SimpleNamespace(store=store, run=parent)
    trial = optuna.trial.create_trial(value=1.0, user_attrs={attempts.RUN: "f" * 32})
    assert _runs(search, [trial]) == {trial.number: sent.run_id}
    assert capsys.readouterr().err == ""
    faults.refuse = True
    assert _runs(search, [trial]) == {trial.number: "f" * 32}
    assert (
        "trials.csv, best_run and the next command may hold ids that the store doesn't know" in capsys.readouterr().err
    )
