"""A tracking server that is killed, and one whose disk is full, in the middle of a run: the run is as any other.

KILLS is how often it is killed, KILL_SEED repeats the moments of an earlier run.
"""

import os
import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from mlflow_server import MortalServer
from run_contents import EPOCHS, content, do_everything, figures
from waiting import until

from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.spool import sender as senders
from beauty_mlflow.tracking.spool.recorded import begin
from beauty_mlflow.tracking.store import connect

KILLS = min(int(os.environ.get("KILLS", "3")), 10)
SEED = int(os.environ.get("KILL_SEED") or time.time_ns() % 2**32)


@pytest.fixture
def server(tmp_path, sqlite_template, monkeypatch):
    folder = tmp_path / "server"
    folder.mkdir()
    shutil.copy(sqlite_template, folder / "mlflow.db")
    started = MortalServer(folder)
    started.start()
    started.wait()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", started.uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(senders, "LONGEST_PAUSE_SECONDS", 0.5)
    yield started
    started.kill()


@pytest.fixture
def undisturbed(server, tmp_path):
    run = Run.create(connect(), "a run")
    with tracked(run, sample=False):
        do_everything(run, tmp_path)
    return content(run.run_id, server.uri)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_server_that_is_killed(server, undisturbed, tmp_path, capsys):
    """Kill -9 at random moments of a run, and a start after each: every figure and file is there, once."""
    print(f"KILL_SEED={SEED}")  # noqa: T201 - pytest shows it where the test fails
    chance = random.Random(SEED)

    def kill_now_and_then():
        for _ in range(KILLS):
            time.sleep(chance.uniform(0, 1.5))
            server.kill()
            time.sleep(chance.uniform(0, 1))
            server.start()
            server.wait()

    run = begin(connect(), "a run")
    with ThreadPoolExecutor(1) as pool, tracked(run, sample=False):
        killing = pool.submit(kill_now_and_then)
        do_everything(run, tmp_path, between=lambda _: time.sleep(0.5))
        last = EPOCHS
        while not killing.done():
            last += 1
            run.log_epoch(last, figures(last))
            time.sleep(0.2)
        killing.result()
        run.set_tags({"last": "one"})
    found = content(run.run_id, server.uri)
    assert found["tags"].pop("last") == "one"
    assert last > EPOCHS
    for name in names.EPOCH_METRICS:
        assert found["metrics"].pop(name) == [(epoch, figures(epoch)[name]) for epoch in range(1, last + 1)]
        del undisturbed["metrics"][name]
    assert found == undisturbed


@pytest.mark.slow
@pytest.mark.system
def test_a_server_whose_disk_is_full(small_disk, server, undisturbed, tmp_path, capsys):
    """What it can't store is kept here, and arrives once there is room."""
    server.kill()
    shutil.copytree(server.folder, small_disk.folder, dirs_exist_ok=True)
    server.folder = small_disk.folder
    server.start()
    server.wait()
    run = begin(connect(), "a run")

    def between(epoch):
        if epoch == 2:
            time.sleep(1)
            small_disk.leave(0)

    with tracked(run, sample=False):
        do_everything(run, tmp_path, between=between)
        until(lambda: "doesn't take what the run logs" in capsys.readouterr().err)
        time.sleep(1)
        small_disk.clear()
    assert content(run.run_id, server.uri) == undisturbed
