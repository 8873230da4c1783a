import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from mlflow.entities import Param
from together import together

from beauty_mlflow.errors import Interrupted, TrackingError, WorkError
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.changes import Batch, Point, Untag
from beauty_mlflow.tracking.datasets import Dataset
from beauty_mlflow.tracking.delivery import deliver
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.launcher import project_run_id
from beauty_mlflow.tracking.runs import Run, close_failed
from beauty_mlflow.tracking.store import connect

EPOCH = dict.fromkeys(names.EPOCH_METRICS, 0.5)
BOOM = ValueError("boom")


@pytest.fixture
def project_run(store, monkeypatch):
    """A run as `mlflow run` makes one before it starts our command."""
    tags = {names.SOURCE_TYPE: "PROJECT", names.SOURCE_NAME: "https://user:token@example.org/repo.git"}
    made = store.client.create_run(store.experiment_id, tags=tags)
    params = [Param("data", "'my pictures'"), Param("learning_rate", "2e-4")]
    store.client.log_batch(made.info.run_id, params=params)
    monkeypatch.setenv("MLFLOW_RUN_ID", made.info.run_id)
    return made.info.run_id


def test_a_new_run_is_running_and_says_where_it_comes_from(run):
    assert run.status == "RUNNING"
    assert run.tags["mlflow.runName"] == "a run"
    assert {names.USER, names.SOURCE_NAME, names.VERSION} <= run.tags.keys()
    assert run.tags[names.SOURCE_TYPE] == "LOCAL"


def test_parameters_come_back_as_logged_and_may_be_logged_again(run):
    given = {"blocks": "6", "data": "", "unfreeze": "mixed3..mixed6"}
    run.log_parameters(given)
    run.log_parameters({**given, "seed": "0"})
    assert run.parameters() == {**given, "seed": "0"}


def test_more_parameters_than_one_call_takes_are_all_logged(run):
    given = {f"p{i}": str(i) for i in range(205)}
    run.log_parameters(given)
    assert run.parameters() == given


def test_a_parameter_with_another_value_is_an_error(run):
    run.log_parameters({"blocks": "6"})
    with pytest.raises(TrackingError, match="blocks=6, which can't become 7"):
        run.log_parameters({"blocks": "7"})


def test_an_epoch_is_logged_at_its_step(run):
    for epoch in (1, 2, 3):
        run.log_epoch(epoch, {**EPOCH, "loss": 1 / epoch})
    assert run.metric_history("loss") == {1: 1.0, 2: 1 / 2, 3: 1 / 3}
    assert run.epochs_logged() == 3


def test_an_epoch_logged_in_part_is_completed_without_a_duplicate(run):
    run.log_epoch(1, EPOCH)
    run.log_epoch(2, {"loss": 0.25})
    again = Run.find(run.store, run.run_id)
    assert again.epochs_logged() == 1
    again.log_epoch(2, {**EPOCH, "loss": 0.75})
    assert again.metric_history("loss") == {1: 0.5, 2: 0.25}
    assert len(run.store.client.get_metric_history(run.run_id, "loss")) == 2
    assert again.epochs_logged() == 2


def test_a_run_without_metrics_has_no_epoch(run):
    assert run.epochs_logged() == 0
    assert run.metric_history("loss") == {}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_figure_that_is_no_number_is_refused(local_run, value):
    with pytest.raises(WorkError, match=r"val_loss is .*finite"):
        local_run.log_epoch(1, {"loss": 1.0, "val_loss": value})
    with pytest.raises(WorkError, match=r"best_val_loss is .*finite"):
        local_run.log_metrics({"best_val_loss": value})
    assert local_run.metrics() == {}


def test_the_same_figure_is_logged_once(run):
    run.log_metrics({"best_val_loss": 0.5})
    run.log_metrics({"best_val_loss": 0.5, "best_val_accuracy": 0.9})
    assert len(run.store.client.get_metric_history(run.run_id, "best_val_loss")) == 1
    assert run.metrics() == {"best_val_loss": 0.5, "best_val_accuracy": 0.9}


def test_datasets_are_listed_with_their_contexts_and_logged_once(run, tmp_path):
    datasets = [
        Dataset(f"boxes/{part}", digit * 32, part, tmp_path, pictures=10, classes=3)
        for part, digit in (("train", "a"), ("val", "b"), ("test", "c"))
    ]
    run.log_inputs(datasets)
    run.log_inputs(datasets)
    inputs = run.store.client.get_run(run.run_id).inputs.dataset_inputs
    found = {entry.tags[0].value: (entry.dataset.name, entry.dataset.digest) for entry in inputs}
    assert found == {entry.context: (entry.name, entry.digest) for entry in datasets}
    assert len(inputs) == 3
    assert json.loads(inputs[0].dataset.profile) == {"num_rows": 10, "classes": 3}


def test_runs_that_log_the_same_new_datasets_at_once(store, tmp_path):
    """Ten times, as a sweep's workers do that start together; a database refuses whoever is second."""
    for number in range(10):
        runs = [Run.create(store, "a run") for _ in range(3)]
        datasets = [
            Dataset(f"boxes/{part}", f"{number:032d}", part, tmp_path, pictures=10, classes=3)
            for part in ("train", "val")
        ]
        together(*(partial(run.log_inputs, datasets) for run in runs))
        for run in runs:
            assert len(store.client.get_run(run.run_id).inputs.dataset_inputs) == len(datasets)


def test_a_run_that_two_processes_change_at_once(local_store):
    """Ten times, the same parameters, tags and metrics are new to both; all of them are there."""
    store = connect()
    for _ in range(10):
        run_id = Run.create(store, "a run").run_id
        both = [Run.find(store, run_id) for _ in range(2)]
        together(*(partial(run.log_parameters, {"network": "tiny", "blocks": "1"}) for run in both))
        together(*(partial(run.set_tags, {"state": "RUNNING"}) for run in both))
        together(*(partial(run.log_epoch, epoch, {"loss": 1.0}) for epoch, run in enumerate(both, start=1)))
        found = Run.find(store, run_id)
        assert {"network": "tiny", "blocks": "1"}.items() <= found.parameters().items()
        assert found.metric_history("loss") == {1: 1.0, 2: 1.0}


@pytest.mark.filterwarnings("ignore:DELETE statement on table 'tags'")  # SQLAlchemy's, to whoever is second
def test_a_tag_that_two_processes_remove_at_once(store):
    """Ten times; that it is gone is what both want."""
    for _ in range(10):
        run = Run.create(store, "a run", {"error": "killed"})
        together(*[partial(deliver, store.client, run.run_id, Untag(name="error"))] * 2)
        assert "error" not in Run.find(store, run.run_id).tags


def test_files_and_folders_arrive_under_their_names(run, tmp_path):
    (tmp_path / "out/deep").mkdir(parents=True)
    (tmp_path / "out/a.txt").write_text("a")
    (tmp_path / "out/deep/b.txt").write_text("bb")
    run.log_folder(tmp_path / "out", "evaluation/val")
    run.log_file(tmp_path / "out/a.txt")
    client = run.store.client
    assert {(entry.path, entry.is_dir) for entry in client.list_artifacts(run.run_id)} == {
        ("a.txt", False),
        ("evaluation", True),
    }
    assert {entry.path for entry in client.list_artifacts(run.run_id, "evaluation/val")} == {
        "evaluation/val/a.txt",
        "evaluation/val/deep",
    }
    assert client.list_artifacts(run.run_id, "evaluation/val/deep")[0].file_size == 2


def test_a_file_that_is_not_there_is_a_sentence(run, tmp_path):
    with pytest.raises((WorkError, TrackingError), match=r"Can't log nothing\.txt"):
        run.log_file(tmp_path / "nothing.txt")


def test_tags_and_parameters_hold_no_credentials(run):
    run.set_tags({"weights.source": "https://me:secret@example.org/w.keras"})
    run.log_parameters({"data": "https://me:secret@example.org/d"})
    run.describe("Trains on https://me:secret@example.org.", "mlflow run https://me:secret@example.org")
    assert "secret" not in str(run.tags) + str(run.parameters())
    assert "mlflow run https://***@example.org" in run.tags[names.DESCRIPTION]


@pytest.mark.parametrize("length", [6001, 100_000])
def test_a_parameter_that_would_be_cut_is_an_error(local_run, length):
    with pytest.raises(TrackingError, match=f"data has {length} characters; the tracker takes 6000"):
        local_run.log_parameters({"data": "x" * length})
    local_run.log_parameters({"data": "x" * 6000})
    assert len(local_run.parameters()["data"]) == 6000


def test_a_tag_that_would_be_cut_is_an_error(local_run):
    with pytest.raises(TrackingError, match="note has 8001 characters"):
        local_run.set_tags({"note": "x" * 8001})


def test_a_run_that_ends_well_is_finished_and_has_system_metrics(run):
    with tracked(run):
        run.log_epoch(1, EPOCH)
    assert run.status == "FINISHED"
    assert 0 <= run.metrics()["system/system_memory_usage_percentage"] <= 100


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), "KILLED"),
        (Interrupted(15), "KILLED"),
        (ValueError("boom"), "FAILED"),
        (SystemExit(3), "FAILED"),
    ],
)
def test_a_run_ends_as_its_work_does(run, error, status):
    with pytest.raises(type(error), match=str(error) or None), tracked(run):
        raise error
    assert run.status == status
    assert (names.ERROR in run.tags) == (status == "FAILED")


def test_the_reason_of_a_failure_is_a_tag_without_credentials(local_run):
    message = "can't read https://me:secret@example.org " + "x" * 9000
    with pytest.raises(ValueError, match="can't read"), tracked(local_run):
        raise ValueError(message)
    reason = local_run.tags[names.ERROR]
    assert "secret" not in reason
    assert len(reason) == 5000
    assert reason.endswith("characters in all)")


def test_the_error_goes_on_where_the_tracker_is_gone_and_both_are_said(local_run, capsys, tmp_path):
    def fail():
        (tmp_path / "store/mlflow.db").write_bytes(b"no database any more")
        raise BOOM

    with pytest.raises(ValueError, match="boom"), tracked(local_run):
        fail()
    said = capsys.readouterr().err
    assert f"the run {local_run.run_id} may still be shown as RUNNING" in said


def test_a_good_end_that_the_tracker_does_not_take_is_an_error(local_run, tmp_path):
    with pytest.raises(TrackingError, match="Can't"), tracked(local_run):
        (tmp_path / "store/mlflow.db").write_bytes(b"no database any more")


def test_a_resumed_run_goes_on_where_it_was(run):
    with pytest.raises(ValueError, match="boom"), tracked(run):
        raise BOOM
    again = Run.find(run.store, run.run_id)
    again.reopen()
    assert again.status == "RUNNING"
    assert names.ERROR not in again.tags
    with tracked(again):
        pass
    assert again.status == "FINISHED"
    assert list(again.metric_history("system/cpu_utilization_percentage")) == [0, 1]


def test_a_run_beside_another_has_no_system_metrics(local_run):
    with tracked(local_run, sample=False):
        pass
    assert local_run.metrics() == {}


def test_under_mlflow_run_its_own_run_is_used_and_completed(store, project_run):
    run = Run.open(store, "another name")
    assert project_run_id()
    assert run.run_id == project_run
    run.log_parameters({"data": "my pictures", "learning_rate": "0.0002", "seed": "0"})
    assert run.parameters() == {"data": "'my pictures'", "learning_rate": "2e-4", "seed": "0"}
    with pytest.raises(TrackingError, match="data='my pictures', which can't become other"):
        run.log_parameters({"data": "other"})
    assert run.tags[names.SOURCE_TYPE] == "PROJECT"
    assert run.tags[names.SOURCE_NAME] == "https://***@example.org/repo.git"
    assert names.VERSION in run.tags


def test_a_run_that_does_not_exist_is_an_error(store):
    with pytest.raises(TrackingError, match=f"Can't find the run {'0' * 32}: .*MLFLOW_TRACKING_URI says where to look"):
        Run.find(store, "0" * 32)


def test_a_deleted_run_is_an_error(run):
    run.store.client.delete_run(run.run_id)
    with pytest.raises(TrackingError, match="is deleted; bring it back"):
        Run.find(run.store, run.run_id)


def test_a_command_that_fails_closes_the_run_that_mlflow_made(local_run, capsys):
    close_failed(local_run.run_id, "no such network", killed=False)
    assert local_run.status == "FAILED"
    assert local_run.tags[names.ERROR] == "no such network"
    close_failed(local_run.run_id, "something else", killed=True)
    assert (local_run.status, local_run.tags[names.ERROR]) == ("FAILED", "no such network")
    close_failed("0" * 32, "no such network", killed=False)
    assert f"the run {'0' * 32} couldn't be closed" in capsys.readouterr().err


def test_threads_log_into_runs_of_their_own(local_store):
    store = connect()
    runs = [Run.create(store, f"run {i}") for i in range(4)]

    def work(number):
        with tracked(runs[number]):
            for epoch in range(1, 6):
                runs[number].log_epoch(epoch, {"loss": float(number)})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    for number, run in enumerate(runs):
        assert run.metric_history("loss") == dict.fromkeys(range(1, 6), float(number))
        assert run.status == "FINISHED"


INTERRUPTED = """
import signal, sys, time
from beauty_mlflow.errors import Interrupted
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

def stop(number, frame):
    raise Interrupted(number)

signal.signal(signal.SIGTERM, stop)
with tracked(Run.find(connect(), sys.argv[1])):
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_not_keep_the_status_from_being_set(local_run, number):
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, local_run.run_id],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ,
    )
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert local_run.status == "KILLED", said.decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_only_hurries_the_end(local_run, monkeypatch, number):
    """An ssh session that is lost hangs up twice: the status is set even so."""
    hurried, finish = [], local_run.finish

    def slow(*given):
        os.kill(os.getpid(), number)
        finish(*given)

    monkeypatch.setattr(local_run, "hurry", lambda: hurried.append(number))
    monkeypatch.setattr(local_run, "finish", slow)
    before = signal.signal(number, lambda *_: None)
    with pytest.raises(KeyboardInterrupt), tracked(local_run, sample=False):
        raise KeyboardInterrupt
    signal.signal(number, before)
    assert local_run.status == "KILLED"
    assert hurried == [number]


def test_system_metrics_of_two_machines_times_are_both_kept(local_run):
    """A run gone on with offline counts its samples from 0 again; what is sent twice is there once."""
    name = f"{names.SYSTEM_PREFIX}cpu_utilization_percentage"
    client = local_run.store.client
    first, second = (
        Batch(metrics=tuple(Point(name=name, value=1.0, timestamp=time, step=step) for step, time in enumerate(times)))
        for times in ((10, 20), (30, 40))
    )
    deliver(client, local_run.run_id, first)
    for change in (first, second, second):
        deliver(client, local_run.run_id, change, again=True)
    points = client.get_metric_history(local_run.run_id, name)
    assert sorted(point.timestamp for point in points) == [10, 20, 30, 40]
