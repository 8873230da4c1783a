import os
import signal
import time
from contextlib import ExitStack

import pytest
from forks import started
from mlflow import MlflowClient

from beauty_mlflow.data.published import published_runs
from beauty_mlflow.errors import TrackingError
from beauty_mlflow.jobs.reference import Reference
from beauty_mlflow.jobs.reference import run as reference
from beauty_mlflow.tracking.finding import REFERENCE, best_trained, experiments
from beauty_mlflow.tracking.store import connect


def imported(uri):
    client = MlflowClient(uri)
    return client.search_runs([client.get_experiment_by_name(REFERENCE).experiment_id])


def run_job():
    return dict(reference(Reference()))


def assert_whole(uri):
    """Every training once, finished, with every epoch once."""
    runs, client = imported(uri), MlflowClient(uri)
    by_key = {run.data.tags["imported.key"]: run for run in runs}
    assert len(runs) == len(by_key) == 23
    assert {run.info.status for run in runs} == {"FINISHED"}
    for one in published_runs():
        points = client.get_metric_history(by_key[one.key].info.run_id, "val_accuracy")
        assert [(point.step, point.value) for point in points] == [
            (step, epoch.val_accuracy) for step, epoch in enumerate(one.epochs, start=1)
        ]


def test_the_thesis_stands_beside_own_runs(local_store):
    """Parameters, metrics and figures have the names of our own trainings; what is imported says so."""
    assert run_job()["runs made"] == 23
    assert_whole(local_store)
    (deepest,) = [run for run in imported(local_store) if run.data.tags["imported.key"] == "full/inception_v3/6"]
    wanted = {"network": "inception_v3", "blocks": "6", "resolved.learning_rate": "0.0002", "recipe": "thesis"}
    wanted |= {"optimizer": "rmsprop", "batch_size": "64", "dropout": "0.2", "parameters_total": "22889321"}
    assert wanted.items() <= deepest.data.params.items()
    figures = deepest.data.metrics
    assert (round(figures["best_val_accuracy"], 4), figures["best_epoch"], figures["test_accuracy"]) == (
        0.3873,
        5,
        0.3733,
    )
    assert 0.36 < figures["test_accuracy_low"] < 0.3733 < figures["test_accuracy_high"] < 0.39
    assert {"imported": "true", "recipe": "thesis"}.items() <= deepest.data.tags.items()
    assert "Imported figures" in deepest.data.tags["mlflow.note.content"]
    assert "count 7,289 answers, the first picture twice" in deepest.data.tags["mlflow.note.content"]
    assert deepest.info.end_time - deepest.info.start_time == 12_429_000
    assert time.gmtime(deepest.info.start_time / 1000).tm_year == 2018
    experiment = MlflowClient(local_store).get_experiment_by_name(REFERENCE)
    assert "dates are invented" in experiment.tags["mlflow.note.content"]


def test_only_the_computed_test_accuracies_are_there(local_store):
    run_job()
    tested = {run.data.tags["imported.key"] for run in imported(local_store) if "test_accuracy" in run.data.metrics}
    assert tested == {"full/inception_v3/6", "grouped/inception_v3/7"}


def test_importing_again_says_that_all_was_there(store_uri):
    """On every kind of store."""
    run_job()
    again = run_job()
    assert (again["runs made"], again["runs that were there"], again["epochs"]) == (0, 23, 228)
    assert_whole(store_uri)


def test_other_experiments_settings_dont_matter(local_store, monkeypatch):
    """MLFLOW_EXPERIMENT_NAME says where one's own runs go, not these; no experiment is made by the way."""
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    run_job()
    assert {one.name for one in MlflowClient(local_store).search_experiments()} == {REFERENCE, "Default"}


def test_a_promotion_never_takes_an_imported_run(local_store):
    """They have no model, and an unnamed experiment leaves theirs out."""
    run_job()
    store = connect()
    assert connect(experiment=REFERENCE).experiment_id not in experiments(store)
    with pytest.raises(TrackingError, match="No finished run"):
        best_trained(store, experiments(store, REFERENCE))


def test_a_deleted_experiment_is_said(local_store):
    run_job()
    client = MlflowClient(local_store)
    client.delete_experiment(client.get_experiment_by_name(REFERENCE).experiment_id)
    with pytest.raises(TrackingError, match="mlflow experiments restore"):
        run_job()


@pytest.fixture
def fresh(store_uri):
    """A store without the experiment: the server's is shared."""
    client = MlflowClient(store_uri)
    before = client.get_experiment_by_name(REFERENCE)
    if before is not None:
        client.rename_experiment(before.experiment_id, f"earlier {before.experiment_id}")
    return store_uri


def begin(fork_server, logs, **options):
    """Start the command in a process of its own; see ``forks.started``."""
    return started(fork_server, ["reference"], logs, folder=logs, environment=os.environ, **options)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "left"), [("create_run", 4), ("log_batch", 5), ("set_terminated", 5)])
def test_a_killed_import_is_completed(fresh, fork_server, tmp_path, method, left):
    """After kill -9 before, within or at the end of the fifth run, the next import makes the rest, doubling nothing."""
    with begin(fork_server, tmp_path, dies_before=(method, 5)) as (_, ended):
        ended().require(-signal.SIGKILL)
    assert len(imported(fresh)) == left
    assert run_job()["runs made"] == 19
    assert_whole(fresh)


@pytest.mark.slow
def test_two_imports_at_once(fresh, fork_server, tmp_path):
    """Both end well, and every training is there once."""
    logs = [tmp_path / name for name in ("one", "other")]
    with ExitStack() as stack:
        for folder in logs:
            folder.mkdir()
        both = [stack.enter_context(begin(fork_server, folder)) for folder in logs]
        outputs = [ended().require().stdout for _, ended in both]
    made = [int(line.split(": ")[1]) for output in outputs for line in output.splitlines() if "runs made" in line]
    assert sum(made) >= 23
    assert_whole(fresh)
