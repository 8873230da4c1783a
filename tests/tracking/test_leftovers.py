"""What dead processes have left in a store."""

import json
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest
from together import together

from beauty_mlflow.processes import Process
from beauty_mlflow.tracking import leftovers, names
from beauty_mlflow.tracking.leftovers import StoreLeftovers
from beauty_mlflow.tracking.looking import look
from beauty_mlflow.tracking.registry import CHAMPION, Registry
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

# a process that works on a run and has a model and a file under way, and dies, where it is told to, as by kill -9
DIES = """
import os, signal, sys, tempfile
from pathlib import Path
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect
run = Run.create(connect(), "dies", {"trial.state": "RUNNING"} if "trial" in sys.argv else {})
run.store.client.create_logged_model(run.experiment_id, "model", source_run_id=run.run_id)
path = Path(tempfile.mkdtemp()) / "large.bin"
path.write_bytes(bytes(100_000))
if "waits" in sys.argv:
    print("there", flush=True)
    sys.stdin.read()
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
run.log_file(path)
"""
HERE = Process.this()
HOUR = 3_600_000  # ms


def start(*words):
    command = [sys.executable, "-c", DIES, *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def notes():
    return []


@pytest.fixture
def look_through(notes):
    """Find what is left in the test's store."""

    def call(**options):
        return StoreLeftovers(look(), note=notes.append, **options).find()

    return call


def of_kind(found, kind):
    return [one for one in found if one.kind == kind]


def process_tag(*processes):
    return {names.PROCESS: json.dumps([asdict(one) for one in processes])}


def set_process(run, *processes):
    for name, value in process_tag(*processes).items():
        run.store.client.set_tag(run.run_id, name, value)


@pytest.mark.slow
def test_what_a_killed_process_leaves_is_found_and_mended(local_store, look_through, notes):
    """Its run, its model and the half of a file, while it lives none of them; after mending nothing is found."""
    process = start("waits", "trial")
    assert process.stdout.readline() == b"there\n", process.stderr.read()
    assert look_through() == []
    process.communicate()
    found = look_through()
    assert [one.kind for one in found] == [leftovers.RUN, leftovers.MODEL, leftovers.UPLOAD]
    assert found[2].size == 100_000
    assert all(time.time() - one.since < 600 for one in found)
    assert all(one.mend() for one in found)
    assert look_through() == notes == []
    store = connect()
    (run,) = store.client.search_runs([store.experiment_id])
    assert (run.info.status, run.data.tags[names.TRIAL_STATE]) == ("FAILED", "FAIL")
    assert run.data.tags[names.ERROR] == leftovers.DIED
    (model,) = store.client.search_logged_models([store.experiment_id])
    assert str(model.status) == "FAILED"
    assert not any(one.mend() for one in found[:2])


def test_two_that_mend_at_once(store, look_through):
    """Ten times, each finds the same dead run; it is FAILED, and neither says that it couldn't be mended."""
    for _ in range(10):
        run = Run.create(store, "a run", {names.TRIAL_STATE: "RUNNING"})
        set_process(run, replace(HERE, started=HERE.started - 1))
        twice = [one for _ in range(2) for one in look_through() if run.run_id in one.where]
        assert len(twice) == 2
        assert any(together(*(one.mend for one in twice)))
        found = Run.find(store, run.run_id)
        assert (found.status, found.tags[names.TRIAL_STATE]) == ("FAILED", "FAIL")


def test_every_kind_of_store(store, look_through):
    """A run and a model are found and mended in each; the server's other runs are none of them."""
    run = Run.create(store, "a run")
    model = store.client.create_logged_model(store.experiment_id, "model", source_run_id=run.run_id)
    assert not [one for one in look_through() if run.run_id in one.where]
    set_process(run, replace(HERE, started=HERE.started - 1))
    found = [one for one in look_through() if run.run_id in one.where]
    assert [one.kind for one in found] == [leftovers.RUN, leftovers.MODEL]
    assert all(one.mend() for one in found)
    assert run.status == "FAILED"
    assert str(store.client.get_logged_model(model.model_id).status) == "FAILED"
    assert not [one for one in look_through() if run.run_id in one.where]


def test_runs_of_other_machines_are_told_and_left_alone(local_run, look_through, notes):
    """As is a run that names no process; those of another machine that have ended aren't told."""
    others = [Run.create(local_run.store, "another run") for _ in range(3)]
    set_process(local_run, replace(HERE, host="elsewhere"))
    set_process(others[0])
    set_process(others[1], replace(HERE, host="elsewhere"))
    set_process(others[2], replace(HERE, host="elsewhere"))
    others[2].finish("KILLED")
    assert look_through() == []
    assert len(notes) == 2
    assert any(note.startswith("2 runs are RUNNING on elsewhere, started by ") for note in notes)
    assert any(note.startswith("1 run is RUNNING that don't say") for note in notes)


def test_silence_ends_a_run_whose_process_cant_be_seen(local_run, look_through, notes):
    """Counted from its last figure; a run of this machine whose process lives is never silent."""
    client, now = local_run.store.client, int(time.time() * 1000)
    begun = {"start_time": now - 10 * HOUR, "tags": process_tag(replace(HERE, host="elsewhere"))}
    silent, heard = (client.create_run(local_run.store.experiment_id, **begun).info.run_id for _ in range(2))
    client.log_metric(silent, "loss", 1.0, timestamp=now - 5 * HOUR)
    client.log_metric(heard, "loss", 1.0, timestamp=now - 3 * HOUR)
    client.create_run(local_run.store.experiment_id, start_time=now - 10 * HOUR, tags=process_tag(HERE))
    assert look_through() == look_through(silent_hours=6) == []
    (found,) = look_through(silent_hours=4)
    assert found.mend()
    assert client.get_run(silent).info.status == "FAILED"
    assert look_through(silent_hours=4) == []


def test_runs_with_something_unsent_are_left_alone(local_run, look_through):
    """Their end may be among it."""
    set_process(local_run, replace(HERE, started=HERE.started - 1))
    assert len(look_through()) == 1
    assert look_through(unsent=[local_run.run_id]) == []


def test_who_goes_on_with_a_run_meanwhile_keeps_it(local_run, look_through, monkeypatch):
    """Before it is ended, and in the moment that it is: its status is as if nothing had been done."""
    set_process(local_run, replace(HERE, started=HERE.started - 1))
    (before,) = look_through()
    (meanwhile,) = look_through()
    client = meanwhile.mend.func.__self__.store.client
    ending = client.set_terminated

    def end_too_late(run_id, status):
        set_process(local_run, HERE)
        ending(run_id, status)

    monkeypatch.setattr(client, "set_terminated", end_too_late)
    assert not meanwhile.mend()
    assert (local_run.status, names.ERROR in local_run.tags) == ("RUNNING", False)
    assert not before.mend()
    assert local_run.status == "RUNNING"


@pytest.fixture
def versions(local_run):
    """A registered model with two versions, of which the first is champion."""
    client = local_run.store.client
    client.create_registered_model("shelf")
    for _ in range(2):
        client.create_model_version("shelf", source=f"runs:/{local_run.run_id}/model", run_id=local_run.run_id)
    client.set_registered_model_alias("shelf", CHAMPION, "1")
    return client


def test_a_promotion_that_was_cut_short_is_completed(local_run, versions, look_through):
    """While its process lives it isn't touched; its run, which is dead, ends well."""
    move = {"aliases": {CHAMPION: "2"}, "before": {CHAMPION: "1"}, "run_id": local_run.run_id, "begun": time.time()}
    versions.set_registered_model_tag("shelf", names.PROMOTION_MOVE, json.dumps(move))
    assert look_through() == []
    set_process(local_run, replace(HERE, started=HERE.started - 1))
    (found,) = look_through()
    assert found.kind == leftovers.MOVE
    assert found.mend()
    assert Registry(local_run.store, "shelf").find(CHAMPION).number == "2"
    assert local_run.status == "FINISHED"
    assert look_through() == []


def test_a_move_that_cant_be_read_takes_the_user(versions, look_through):
    versions.set_registered_model_tag("shelf", names.PROMOTION_MOVE, "{")
    (found,) = look_through()
    assert found.mend is None
    assert found.remedy == f"remove the model's tag {names.PROMOTION_MOVE}"


@pytest.mark.parametrize("gone_for_good", [False, True])
def test_a_promotion_whose_run_is_deleted_is_dropped(local_run, versions, look_through, gone_for_good):
    """It would block every further promotion, and no run is left to say who began it."""
    run_id = local_run.run_id
    move = {"aliases": {CHAMPION: "2"}, "before": {CHAMPION: "1"}, "run_id": run_id, "begun": time.time()}
    versions.set_registered_model_tag("shelf", names.PROMOTION_MOVE, json.dumps(move))
    versions.delete_run(run_id)
    if gone_for_good:
        versions._tracking_client.store._hard_delete_run(run_id)  # what `mlflow gc` does
    (found,) = look_through()
    assert (found.kind, found.remedy) == (leftovers.MOVE, "complete it, or drop it")
    assert found.mend()
    assert Registry(local_run.store, "shelf").find(CHAMPION).number == "1"
    assert look_through() == []
