import re
import time

import pytest
from together import together

from beauty_mlflow.errors import ParameterError, TrackingError, WorkError
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.finetune import run as finetune
from beauty_mlflow.jobs.sync import Sync
from beauty_mlflow.jobs.sync import run as sync
from beauty_mlflow.jobs.syncing import send_ended
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.models import fetch_model
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.spool.folder import spool_folder
from beauty_mlflow.tracking.spool.recorded import begin, go_on
from beauty_mlflow.tracking.spool.sync import unsent_spools
from beauty_mlflow.tracking.store import connect, offline_store


def ended_while_down(faults):
    """A run that ended while the server was away; its id."""
    run = begin(connect(), "a run")
    faults.refuse = True
    run.log_epoch(1, {"loss": 1.0})
    run.finish("FINISHED")
    faults.heal()
    return run.run_id


def test_what_was_unsent_is_sent(faults, capsys):
    """The run ends as it had, at the time that it had; a second call has nothing to do."""
    run_id = ended_while_down(faults)
    assert "send them with: beauty sync" in capsys.readouterr().err
    assert Run.find(connect(), run_id).status == "RUNNING"
    time.sleep(1.1)
    before = time.time() * 1000
    assert sync(Sync()) == [("sent", "1 runs")]
    found = Run.find(connect(), run_id)
    assert found.metric_history("loss") == {1: 1.0}
    assert found.status == "FINISHED"
    assert found.entity().info.end_time < before - 1000
    assert sync(Sync()) == [("sent", "0 runs")]
    assert list(spool_folder().iterdir()) == []


def test_mlflows_run_ends_as_the_sending_does(faults, monkeypatch):
    """Under `mlflow run` its run is ours: parameters, status, and the id in the summary."""
    run_id = ended_while_down(faults)
    store = connect()
    made = store.client.create_run(store.experiment_id).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", made)
    assert sync(Sync()) == [("sent", "1 runs"), ("run_id", made)]
    found = store.client.get_run(made)
    assert (found.info.status, found.data.params["discard"]) == ("FINISHED", "false")
    assert Run.find(store, run_id).status == "FINISHED"


def test_a_server_that_is_still_down(faults, monkeypatch):
    """It is said, with the reason; what is unsent stays."""
    run_id = ended_while_down(faults)
    faults.refuse = True
    with pytest.raises(WorkError, match=rf"1 of 1 runs couldn't be sent: {run_id}: The tracking server .* can't be"):
        sync(Sync())
    assert [spool.run_id for spool in unsent_spools()] == [run_id]


def test_a_sync_that_breaks_off_goes_on(faults):
    """What has arrived isn't sent a second time."""
    run_id = ended_while_down(faults)
    faults.cut, faults.only = True, lambda _, path: path.endswith("runs/update")
    with pytest.raises(WorkError, match="couldn't be sent"):
        sync(Sync())
    faults.heal()
    sent = len(faults.requests)
    sync(Sync())
    assert Run.find(connect(), run_id).status == "FINISHED"
    assert not any(path.endswith("log-batch") for _, path in faults.requests[sent:])


def test_a_run_at_work_is_left_alone(faults):
    """Its own process sends what it logs."""
    run = begin(connect(), "a run")
    assert sync(Sync()) == [("sent", "0 runs"), ("still at work", "1 runs")]
    with pytest.raises(ParameterError, match="is still at work in a process"):
        sync(Sync.parse({"run": run.run_id, "discard": "true"}))
    run.finish("FINISHED")


def test_discarding(faults):
    """One run's, by its id; nothing else."""
    run_id, other = ended_while_down(faults), ended_while_down(faults)
    ((name, words),) = sync(Sync.parse({"run": run_id, "discard": "true"}))
    assert name == "discarded"
    assert re.fullmatch(rf"\d changes of run {run_id}, [\d,]+ bytes", words)
    assert [spool.run_id for spool in unsent_spools()] == [other]
    with pytest.raises(ParameterError, match=f"Nothing of run {run_id} is unsent on this machine; .*: {other}"):
        sync(Sync(run=run_id))
    with pytest.raises(ParameterError, match="discard=true needs run"):
        Sync.parse({"discard": "true"})


def test_an_offline_run_gets_its_id_later(faults, capsys):
    """Not a request until sync, which makes the run once, at its own time, and its links lead to it."""
    run = begin(offline_store(), "a run", {"recipe": "thesis"})
    run.describe(f"Trains {run.link()}.", "beauty finetune")
    run.log_epoch(1, {"loss": 1.0})
    run.finish("FINISHED")
    assert faults.requests == []
    faults.cut, faults.only = True, lambda _, path: path.endswith("runs/create")
    with pytest.raises(WorkError):
        sync(Sync())
    faults.heal()
    sync(Sync())
    store = connect()
    (entity,) = store.client.search_runs([store.experiment_id])
    found = Run.find(store, run.run_id)
    assert found.run_id == entity.info.run_id != run.run_id
    assert entity.info.run_name == "a run"
    assert entity.info.status == "FINISHED"
    assert found.tags["recipe"] == "thesis"
    assert found.tags[names.OFFLINE] == run.run_id
    assert found.link() in found.tags[names.DESCRIPTION]
    assert f"run {found.run_id} (offline it was {run.run_id}): " in capsys.readouterr().err


def test_the_machines_figures_have_one_value_a_step_however_often_a_run_is_gone_on_with_offline(faults):
    """Nobody can say offline how many there are already."""
    run = begin(offline_store(), "a run")
    for _ in range(2):
        with tracked(run):  # the end takes a sample
            run.log_metrics({})
        sync(Sync())
        run = go_on(offline_store(), run.run_id)
        run.reopen()
    run.finish("FINISHED")
    sync(Sync())
    store, name = connect(), f"{names.SYSTEM_PREFIX}cpu_utilization_percentage"
    points = store.client.get_metric_history(Run.find(store, run.run_id).run_id, name)
    assert [point.step for point in sorted(points, key=lambda point: point.timestamp)] == [0, 1]


def test_nothing_that_is_kept_holds_the_stores_password(monkeypatch, tmp_path):
    """Neither the header nor what is to be sent; the store is named without it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hunter2@127.0.0.1:9")
    run = begin(offline_store(), "a run")
    run.describe(f"Trains {run.link()}.", "beauty finetune --data s3://me:hunter2@bucket/boxes")
    run.log_parameters({"data": "s3://me:hunter2@bucket/boxes"})
    run.finish("FINISHED")
    kept = [path for path in spool_folder().rglob("*") if path.is_file()]
    assert any(b"127.0.0.1" in path.read_bytes() for path in kept)
    assert not [path for path in kept if b"hunter2" in path.read_bytes()]


def test_what_a_sweep_sends_goes_to_its_own_experiment(faults, monkeypatch):
    """A run that began offline in another experiment isn't made in the sweep's."""
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_EXPERIMENT_NAME", "another of the same store")
        offline_of_another = begin(offline_store(), "a run")
        offline_of_another.finish("FINISHED")
        another = connect().experiment_id
    store = connect()
    send_ended(store)
    found = Run.find(store, offline_of_another.run_id)
    assert found.status == "FINISHED"
    assert found.experiment_id == another != store.experiment_id


def test_a_run_is_not_gone_on_with_before_what_it_logged_offline_is_sent(faults):
    """What was broken off would come after what it goes on with, its end included."""
    run = begin(offline_store(), "a run")
    for epoch in (1, 2):
        run.log_epoch(epoch, {"loss": 1.0})
    run.finish("KILLED")
    faults.refuse, faults.only = True, lambda _, path: path.endswith("runs/update")
    with pytest.raises(WorkError):
        sync(Sync())
    faults.heal()
    with pytest.raises(TrackingError, match=rf"isn't sent yet. Send it first: beauty sync --run {run.run_id}"):
        go_on(connect(), run.run_id)
    sync(Sync(run=run.run_id))
    again = go_on(connect(), run.run_id)
    again.reopen()
    again.finish("FINISHED")
    assert Run.find(connect(), run.run_id).metric_history("loss") == {1: 1.0, 2: 1.0}
    assert Run.find(connect(), run.run_id).status == "FINISHED"


@pytest.mark.slow
def test_an_offline_training_is_as_any_other(faults, tiny):
    """Trained without a server, then sent: figures, artifacts and the model are there; it was resumable meanwhile."""
    offline = dict(finetune(Finetune.parse({**tiny, "offline": "true"})))["run_id"]
    assert faults.requests == []
    sync(Sync())
    online = Run.find(connect(), dict(finetune(Finetune.parse(tiny)))["run_id"])
    found = Run.find(connect(), offline)
    assert found.status == "FINISHED"
    assert found.metric_history("val_loss") == pytest.approx(online.metric_history("val_loss"), rel=1e-3)
    assert set(found.metrics()) == set(online.metrics())
    assert fetch_model(connect(), found.run_id).joinpath("model.keras").is_file()
    for folder in (None, "figures", "evaluation/val", "split"):
        listed = [
            [entry.path for entry in run.store.client.list_artifacts(run.run_id, folder)] for run in (found, online)
        ]
        assert listed[0] == listed[1]


def test_two_at_once_share_what_there_is(local_store):
    """Five times, three runs: each is sent once, and neither takes what the other sends for damaged."""
    for _ in range(5):
        for number in range(3):
            begin(offline_store(), f"run {number}").finish("FINISHED")
        ends = [dict(summary) for summary in together(*[lambda: sync(Sync())] * 2)]
        assert sum(int(end["sent"].split()[0]) for end in ends) == 3
        assert list(spool_folder().iterdir()) == []
    store = connect()
    assert len(store.client.search_runs([store.experiment_id])) == 15
