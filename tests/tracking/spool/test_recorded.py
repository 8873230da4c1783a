import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from run_contents import DATASET, content, do_everything, figures
from waiting import until

from beauty_mlflow.errors import TrackingError, UnreachableError, WorkError
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.spool.folder import read_sent, spool_folder
from beauty_mlflow.tracking.spool.recorded import begin, go_on
from beauty_mlflow.tracking.store import connect, offline_store


@pytest.fixture(scope="module")
def undisturbed(server_uri, tmp_path_factory):
    """What the store holds of a run that was made without a spool and without a fault."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", server_uri)
        patch.setenv("MLFLOW_EXPERIMENT_NAME", "undisturbed")
        patch.setenv("BEAUTY_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        run = Run.create(connect(), "a run")
        with tracked(run, sample=False):
            do_everything(run, tmp_path_factory.mktemp("files"))
        return content(run.run_id, server_uri)


def test_what_arrives_is_what_was_done(store, server_uri, undisturbed, tmp_path):
    """With nothing amiss a recorded run is like any other, and leaves nothing in the spool."""
    run = begin(store, "a run")
    with tracked(run, sample=False):
        do_everything(run, tmp_path)
    assert content(run.run_id, server_uri) == undisturbed
    assert list(spool_folder().iterdir()) == []


@pytest.mark.parametrize("fault", ["refuse", "cut", "delay", "503", "500", "429", "502"])
def test_nothing_is_lost_or_doubled(fault, faults, store, server_uri, undisturbed, tmp_path, capsys):
    """The network is cut, answers are lost or late, or a gateway answers, for two epochs: the run is as without it."""
    run = begin(store, "a run")

    def between(epoch):
        if epoch == 3:
            time.sleep(0.3)  # so that something is under way
            if fault.isdigit():
                faults.status = int(fault)
            else:
                setattr(faults, fault, 0.4 if fault == "delay" else True)
        if epoch == 5:
            time.sleep(0.5)
            faults.heal()

    with tracked(run, sample=False):
        do_everything(run, tmp_path, between=between)
    assert content(run.run_id, server_uri) == undisturbed
    said = capsys.readouterr().err
    assert said.count("doesn't take what the run logs") == (fault != "delay")
    assert said.count("answers again, and has everything") == (fault != "delay")


def test_answers_that_get_lost_one_after_the_other(faults, store, server_uri, undisturbed, tmp_path):
    """One request of ten takes effect without an answer: each change arrives once even so."""
    run = begin(store, "a run")
    chance = random.Random(0)
    faults.cut, faults.only = True, lambda *_: chance.random() < 0.1
    with tracked(run, sample=False):
        do_everything(run, tmp_path)
        until(lambda: read_sent(spool_folder() / run.run_id) > 15)
        faults.heal()
    assert content(run.run_id, server_uri) == undisturbed


def test_a_file_that_arrives_damaged_is_sent_again(faults, store, server_uri, tmp_path):
    """Large ones are read back and compared."""
    run, path = begin(store, "a run"), tmp_path / "large"
    path.write_bytes(random.Random(0).randbytes(1_200_000))

    def uploads():
        return sum(method == "PUT" and asked.endswith("/large") for method, asked in list(faults.requests))

    faults.corrupt = True
    with tracked(run, sample=False):
        run.log_file(path, "raw")
        until(lambda: uploads() > 1)
        faults.heal()
    client = connect(uri=server_uri).client
    assert Path(client.download_artifacts(run.run_id, "raw/large")).read_bytes() == path.read_bytes()


def test_half_an_image_is_completed(faults, store, server_uri, tmp_path):
    """MLflow makes two files of an image; where only the first arrived the second one is sent, and no other pair."""
    run = begin(store, "a run")
    faults.refuse, faults.only = True, lambda _, path: path.endswith(".webp")
    with tracked(run, sample=False):
        run.log_image(np.zeros((8, 8, 3), np.uint8), "val_confusion", 1)
        until(lambda: any(path.endswith(".webp") for _, path in faults.requests))
        faults.heal()
    client = connect(uri=server_uri).client
    picture, small = sorted((entry.path for entry in client.list_artifacts(run.run_id, "images")), key=len)
    assert small == f"{picture.removesuffix('.png')}+compressed.webp"
    assert client.get_run(run.run_id).data.tags["mlflow.loggedImages"] == "True"


def test_reading_gives_what_will_be(faults, store, tmp_path):
    """Whatever hasn't arrived: parameters, tags, figures and the epochs that are logged."""
    run = begin(store, "a run")
    faults.refuse = True
    run.log_parameters({"blocks": "1"})
    run.log_epoch(1, figures(1))
    run.log_epoch(2, figures(2))
    run.set_tags({"a": "b"})
    assert run.parameters()["blocks"] == "1"
    assert run.tags["a"] == "b"
    assert run.epochs_logged() == 2
    assert run.metric_history("loss") == {1: 1.0, 2: 2.0}
    with pytest.raises(TrackingError, match="has the parameter blocks=1, which can't become 2"):
        run.log_parameters({"blocks": "2"})
    faults.heal()
    run.finish("FINISHED")


@pytest.mark.parametrize("begun", ["by mlflow", "earlier"])
def test_what_a_training_asks_for_is_known_before_the_store_goes_away(begun, faults, store, server_uri, monkeypatch):
    """It asks after the pictures were decoded, hours later perhaps; the store may be silent then."""
    made = Run.create(store, "a run")
    if begun == "earlier":
        made.log_epoch(1, figures(1))
        made.log_image(np.zeros((8, 8, 3), np.uint8), names.EPOCH_CONFUSIONS, 1)
        run = go_on(store, made.run_id)
    else:
        monkeypatch.setenv("MLFLOW_RUN_ID", made.run_id)
        run = begin(store, "a run")
    with tracked(run):
        faults.refuse = True
        done = int(begun == "earlier")
        assert run.epochs_logged() == done
        assert run.image_steps(names.EPOCH_CONFUSIONS) == set(range(1, done + 1))
        run.log_epoch(done + 1, figures(done + 1))
        faults.heal()
    assert Run.find(connect(uri=server_uri), run.run_id).metric_history("loss") == {
        epoch: float(epoch) for epoch in range(1, done + 2)
    }


def test_steps_of_images(faults, store, server_uri):
    """Those in the store, and those that are still to be sent; of one name, whatever letters it has."""
    run = begin(store, "a run")
    with tracked(run, sample=False):
        for name, step in (("val_confusion", 1), ("val_confusion", 12), ("val/other step", 5)):
            run.log_image(np.zeros((8, 8, 3), np.uint8), name, step)
    again = go_on(store, run.run_id)
    with tracked(again, sample=False):
        faults.refuse, faults.only = True, lambda method, _: method == "PUT"
        again.log_image(np.zeros((8, 8, 3), np.uint8), "val_confusion", 13)
        assert again.image_steps("val_confusion") == {1, 12, 13}
        assert again.image_steps("val/other step") == {5}
        assert again.image_steps("val") == set()
        faults.heal()
    assert Run.find(connect(uri=server_uri), run.run_id).image_steps("val_confusion") == {1, 12, 13}


def test_the_work_is_not_held_up(faults, store):
    """A server that takes five seconds an answer costs an epoch no more than a dead one: nothing."""
    run = begin(store, "a run")
    time.sleep(0.5)
    faults.delay = 5.0
    started = time.perf_counter()
    for epoch in range(1, 101):
        run.log_epoch(epoch, figures(epoch))
    assert time.perf_counter() - started < 4.5
    faults.heal()
    run.finish("FINISHED")


def test_a_refusal_is_raised(store, server_uri, capsys):
    """A run that somebody deletes meanwhile ends the work, with the store's reason; what is unsent is kept."""
    run = begin(store, "a run")
    connect(uri=server_uri).client.delete_run(run.run_id)

    def work():
        for epoch in range(1, 200):
            run.log_epoch(epoch, figures(epoch))
            time.sleep(0.05)

    with pytest.raises(TrackingError, match=r"What is unsent is kept in .*; `beauty sync` tries it again"):  # noqa: SIM117
        with tracked(run, sample=False):
            work()
    assert (spool_folder() / run.run_id / "journal.jsonl").is_file()


def test_what_a_killed_process_left_is_sent_by_the_next(faults, store, server_uri, undisturbed, tmp_path):
    """Kill -9 during an outage, and the run goes on in another process: nothing is lost, nothing doubled."""
    run_id = Run.create(store, "a run").run_id
    script = textwrap.dedent(f"""
        import os, signal, sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        from run_contents import do_everything
        from beauty_mlflow.tracking.spool.recorded import go_on
        from beauty_mlflow.tracking.store import connect
        run = go_on(connect(), {run_id!r})
        print("begun", flush=True)
        sys.stdin.readline()
        def between(epoch):
            if epoch == 4:
                os.kill(os.getpid(), signal.SIGKILL)
        do_everything(run, Path({str(tmp_path)!r}), between=between)
    """)
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as dead:
        assert dead.stdout.readline() == "begun\n"
        faults.refuse = True
        dead.stdin.write("\n")
        dead.stdin.flush()
        assert dead.wait(60) == -signal.SIGKILL
    faults.heal()
    run = go_on(store, run_id)
    assert run.epochs_logged() == 3
    with tracked(run, sample=False):
        do_everything(run, tmp_path)
    assert content(run_id, server_uri)["metrics"] == undisturbed["metrics"]
    assert content(run_id, server_uri)["status"] == "FINISHED"


def test_a_model_is_uploaded_once(faults, store, server_uri, registered, picture_file):
    """The upload breaks off after each file in turn: what has arrived isn't sent again, and the model is whole."""
    _, package = registered
    run = begin(store, "a run")
    puts = iter(range(10**6))
    faults.refuse = True
    faults.only = lambda method, _: method == "PUT" and next(puts) % 2 == 1
    with tracked(run, sample=False):
        assert run.log_model(package, example=picture_file)
        run.log_metrics({"best_val_accuracy": 0.5}, model_id=run.model_id(), dataset=DATASET)
        until(lambda: next(puts) > 30)
        faults.heal()
    faults.heal()
    found = Run.find(connect(uri=server_uri), run.run_id)
    (model,) = found.models()
    assert str(model.status) == "READY"
    assert [metric.value for metric in model.metrics] == [0.5]
    sent = [path for method, path in faults.requests if method == "PUT" and "/models/" in path]
    assert max(sent.count(path) for path in sent) <= 2
    assert sum(sent.count(path) == 1 for path in sent) >= len(set(sent)) / 2


def test_several_signals_leave_a_run_killed(faults, store, server_uri, monkeypatch):
    """Ctrl-C under `mlflow run`, or a lost terminal: the store answers, so it gets the status."""
    run = begin(store, "a run")
    close = run._sender.close

    def signalled():
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
        return close()

    monkeypatch.setattr(run._sender, "close", signalled)
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    with pytest.raises(KeyboardInterrupt), tracked(run, sample=False):
        raise KeyboardInterrupt
    for number, handler in before.items():
        signal.signal(number, handler)
    assert Run.find(connect(uri=server_uri), run.run_id).status == "KILLED"
    assert list(spool_folder().iterdir()) == []


def test_a_spool_that_is_full_lets_a_run_end(faults, store, server_uri, capsys):
    """The last system metrics find no room, which is said; the last tags and the status do."""
    run = begin(store, "a run")
    with tracked(run):
        run.log_epoch(1, figures(1))
        run._journal._limit = run._journal._room = 0
    assert "the last system metrics of the run" in capsys.readouterr().err
    assert Run.find(connect(uri=server_uri), run.run_id).status == "FINISHED"


def test_a_state_folder_that_takes_nothing_more(faults, store, server_uri, monkeypatch):
    """The run ends in the store at least, as one that failed."""
    run = begin(store, "a run")
    run.log_epoch(1, figures(1))

    def full(*_):
        raise WorkError("No space left.")

    monkeypatch.setattr(run._journal, "append", full)
    with pytest.raises(WorkError, match="No space left"), tracked(run, sample=False):
        pass
    found = Run.find(connect(uri=server_uri), run.run_id)
    assert found.status == "FAILED"
    assert found.metric_history("loss") == {1: 1.0}


def test_offline_nothing_is_asked(faults):
    """Not one request, and what needs the store says so."""
    store = offline_store()
    run = begin(store, "a run")
    run.log_parameters({"blocks": "1"})
    run.finish("FINISHED")
    assert faults.requests == []
    with pytest.raises(UnreachableError, match="of which offline=true asks nothing"):
        store.client.get_run("0" * 32)
