"""`beauty doctor`: what crashes have left, found and mended, and nothing that lives touched."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from ageing import grow_old
from arguments import options
from waiting import until

from beauty_mlflow.errors import ParameterError, RefusedError
from beauty_mlflow.files import cache_folder, state_folder
from beauty_mlflow.jobs.doctor import Doctor, run
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.finetune import run as finetune
from beauty_mlflow.jobs.sessions import state_of
from beauty_mlflow.processes import Process
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """A hub that refuses at once, a cache and a place for temporary files of the test's own."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("BEAUTY_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "system").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "system"))
    monkeypatch.setattr("tempfile.tempdir", None)


def doctor(**given):
    """Return the summary, with what is wrong where it says so."""
    try:
        return dict(run(Doctor.parse(given)))
    except RefusedError as error:
        return {**dict(error.summary), "wrong": str(error)}


def test_where_nothing_is_wrong_it_says_so(local_store, capsys):
    """Every check is told, and nothing is made: no experiment, no folders, no storage."""
    summary = doctor()
    printed = capsys.readouterr().out
    assert summary["left by crashes"] == "0"
    assert "wrong" not in summary
    states = dict(re.findall(r"^(\S+(?:, \w+| run)?) +(ok|note|wrong)  ", printed, re.MULTILINE))
    disks = {f"disk, {place}" for place in ("cache", "state", "temporary", "store")}
    assert {"Python", "packages", "GPU", "store", "weights", *disks} <= set(states)
    assert "wrong" not in states.values()
    assert [one.name for one in connect().client.search_experiments() if one.name != "beauty"] == ["Default"]
    assert not cache_folder().exists()
    assert not (Path(local_store.removeprefix("sqlite:///")).parent / "optuna.db").exists()


def test_a_store_that_doesnt_answer_is_wrong_and_the_rest_is_looked_at(monkeypatch, tmp_path, capsys):
    """What lies on this machine is found even so."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".split.csv.abcdefgh.tmp.csv").touch()
    grow_old(tmp_path, state_folder())
    summary = doctor()
    assert summary["wrong"].startswith("wrong: store")
    assert summary["left by crashes"] == "1"
    assert "can't be reached" in capsys.readouterr().out


@pytest.fixture
def start():
    """Make a function that starts a command in a process of its own, which ends with the test."""
    with ExitStack() as started:

        def start(*words):
            process = subprocess.Popen(
                [sys.executable, "-m", "beauty_mlflow", *map(str, words)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            started.callback(process.communicate)
            started.callback(process.kill)
            return process

        yield start


def wait_until(holds, process):
    until(holds, seconds=300, pause=0.1, process=process)


def running(store):
    return store.client.search_runs([store.experiment_id], "attributes.status = 'RUNNING'")


@pytest.mark.slow
def test_a_training_is_left_alone_alive_and_mended_dead(local_store, start, tiny, tmp_path, capsys):
    """After kill -9 its run is ended and its temporary files go; it can go on, and a second look finds nothing."""
    process = start("finetune", *options({**tiny, "epochs": 5_000, "patience": 5_000}))
    store = connect()
    wait_until(lambda: [run for run in running(store) if "val_loss" in run.data.metrics], process)
    (begun,) = running(store)
    assert doctor()["left by crashes"] == "0"
    mended = doctor(fix="true")
    assert (mended["mended"], mended["stays"]) == ("0", "0")
    assert running(store) != []
    process.kill()
    process.communicate()
    grow_old(tmp_path, state_folder())
    summary = doctor()
    assert "beauty doctor --fix" in summary["wrong"]
    printed = capsys.readouterr().out
    assert begun.info.run_id in printed
    assert ".beauty." in printed
    assert running(store) != []
    fixed = doctor(fix="true")
    assert (fixed["stays"], "wrong" in fixed) == ("0", False)
    assert running(store) == []
    assert doctor()["left by crashes"] == "0"
    assert (state_of(begun.info.run_id) / "session.json").is_file()
    assert "1 state is kept" in capsys.readouterr().err
    stopped = start("finetune", "--resume", begun.info.run_id)
    wait_until(lambda: running(store) and "error" not in Run.find(store, begun.info.run_id).tags, stopped)
    assert doctor()["left by crashes"] == "0"
    stopped.send_signal(signal.SIGTERM)
    stopped.communicate()
    assert stopped.returncode == 128 + signal.SIGTERM
    assert doctor()["left by crashes"] == "0"


@pytest.mark.slow
def test_an_evaluation_that_was_killed(logged_model, start, capsys, tmp_path):
    """Its run has no state; its process alone tells."""
    process = start("evaluate", "--model", logged_model)
    store = connect()
    wait_until(lambda: running(store), process)
    assert doctor()["left by crashes"] == "0"
    process.kill()
    process.communicate()
    grow_old(tmp_path, state_folder())
    (dead,) = running(store)
    assert doctor()["wrong"]
    assert dead.info.run_id in capsys.readouterr().out
    assert "wrong" not in doctor(fix="true")
    assert Run.find(store, dead.info.run_id).status == "FAILED"
    assert doctor()["left by crashes"] == "0"


@pytest.mark.slow
def test_the_command_s_status_tells(local_store, beauty, tmp_path):
    """3 where something was found, 0 once it is mended and when nothing is wrong; the summary is printed each time."""
    path = tmp_path / ".table.csv.abcdefgh.tmp.csv"
    path.write_bytes(b"12345")
    os.utime(path, (time.time() - 7200,) * 2)
    found = beauty("doctor", "--folder", tmp_path)
    assert (found.returncode, "left by crashes: 1, 5 B" in found.stdout) == (3, True)
    assert re.search(rf"temporary file +{re.escape(str(path))} +5 B +2 h +remove it", found.stdout)
    assert found.stderr.endswith("error: what crashes have left is mended by: beauty doctor --fix\n")
    assert path.exists()
    fixed = beauty("doctor", "--fix", "--folder", tmp_path)
    assert (fixed.returncode, "mended: 1, 5 B\nstays: 0\n" in fixed.stdout) == (0, True)
    assert not path.exists()
    again = beauty("doctor", "--folder", tmp_path)
    assert (again.returncode, "left by crashes: 0\n" in again.stdout) == (0, True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"folder": "nowhere"}, "'nowhere' doesn't exist; expected a folder"),
        ({"silent_hours": "-1"}, "greater than or equal to 0"),
        ({"silent_hours": "nan"}, "finite number"),
        ({"fix": "yes"}, "expected true or false"),
    ],
)
def test_bad_input_is_refused(given, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        Doctor.parse(given)


def test_a_storage_that_isnt_there_is_wrong(local_store, tmp_path, capsys):
    """And isn't made."""
    path = tmp_path / "trials.db"
    assert doctor(storage=str(path))["wrong"] == "wrong: trials"
    assert f"there is no '{path}'" in capsys.readouterr().out
    assert not path.exists()


def test_a_cache_that_cant_be_read_keeps_nothing_else_from_being_found(local_store, tmp_path, capsys):
    """It is told beside what was found."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "entries").mkdir()
    broken = tmp_path / "cache" / "entries" / ("activations-" + "0" * 32)
    broken.mkdir()
    (broken / "entry.json").mkdir()
    state = state_folder() / ".a.abcdefgh.tmp"
    state.parent.mkdir(parents=True, exist_ok=True)
    state.touch()
    os.utime(state, (time.time() - 10,) * 2)
    summary = doctor()
    assert "1 places can't be read" in summary["wrong"]
    assert summary["left by crashes"] == "1"
    assert "entry.json" in capsys.readouterr().err


@pytest.mark.slow
def test_states_of_finished_deleted_and_lost_runs(local_store, tiny, monkeypatch, capsys):
    """They are found and removed; those of another store's runs, and what a run can go on with, are kept and said."""
    from beauty_mlflow.jobs import training

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "fit", stop)
        ids = []
        for _ in range(4):
            with pytest.raises(KeyboardInterrupt):
                finetune(Finetune.parse(tiny))
            (newest, *_) = connect().client.search_runs([connect().experiment_id], order_by=["start_time DESC"])
            ids.append(newest.info.run_id)
    finished, deleted, useless, resumable = ids
    client = connect().client
    for run_id in ids:  # this very process has made them, and lives
        client.set_tag(run_id, names.PROCESS, json.dumps([asdict(replace(Process.this(), started=-1))]))
    client.set_terminated(finished, "FINISHED")
    client.delete_run(deleted)
    (state_of(useless) / "session.json").unlink()
    gone = state_of(resumable).with_name("0" * 32)
    _copy(state_of(resumable), gone, connect().uri)
    _copy(state_of(resumable), state_of("1" * 32), "http://other.example.org")
    assert doctor()["left by crashes"].startswith("4, ")
    captured = capsys.readouterr()
    for why in ("its run is finished", "its run is deleted", "its run is gone", "it doesn't say what to do"):
        assert f"({why})" in captured.out
    assert captured.err.count("1 state is kept") == 2
    assert "wrong" not in doctor(fix="true")
    assert {path.name for path in state_of("x").parent.iterdir()} == {resumable, "1" * 32}
    assert doctor()["left by crashes"] == "0"


def _copy(source, target, uri):
    shutil.copytree(source, target)
    path = target / "session.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "store": uri}))
