"""A search whose tracking server goes away in the middle."""

import os
import re

import pytest
from waiting import until

from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.finding import child_runs
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.spool.folder import read_header
from beauty_mlflow.tracking.spool.sync import unsent_spools
from beauty_mlflow.tracking.store import connect

EPOCHS = 20


@pytest.mark.slow
def test_trials_go_on_and_are_sent_before_the_report(sweep_place, faults, monkeypatch):
    """One that is at work as the server goes, and one that begins without it: both are whole in the end."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    sweep_place.uri = os.environ["MLFLOW_TRACKING_URI"]
    usual = sweep_place.content["parameters"]
    parameters = {**usual, "epochs": EPOCHS, "patience": EPOCHS, "augment": "none"}
    start = [{"blocks": blocks, "learning_rate": 0.003} for blocks in (1, 0)]
    config = sweep_place.file(trials=2, start=start, parameters=parameters, pruner="none")
    _, ended = sweep_place.begin(config, storage=sweep_place.folder / "optuna.db")
    until(lambda: any("val_loss" in run.metrics() for run in trials()), seconds=300)
    faults.refuse = True
    until(lambda: any(not read_header(spool.folder).run_id for spool in unsent_spools()), seconds=300)
    faults.heal()
    done = ended().require()
    found = {run.tags[names.TRIAL_NUMBER]: run for run in trials()}
    assert set(found) == {"0", "1"}
    for run in found.values():
        assert list(run.metric_history("val_loss")) == list(range(1, EPOCHS + 1))
        assert (run.status, run.tags[names.TRIAL_STATE]) == ("FINISHED", "COMPLETE")
        assert run.model_id()
    assert unsent_spools() == []
    assert re.search(r"^best_run: (\w+)", done.stdout, re.MULTILINE)[1] in {run.run_id for run in found.values()}


def trials():
    store = connect()
    parents = store.client.search_runs([store.experiment_id], "tags.`mlflow.runName` LIKE 'sweep%'")
    return [child for parent in parents for child in child_runs(store, Run(store, parent.info.run_id))]
