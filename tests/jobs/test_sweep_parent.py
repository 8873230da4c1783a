"""The one run of a study, whoever works on it."""

import subprocess
import sys
import time

import pytest

from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.finding import find_runs
from beauty_mlflow.tracking.store import connect

# a driver that works on one study after the other, each from a moment on that others know, too
DRIVER = """
import os, sys, time
folder, machine, begin, rounds = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
os.environ["BEAUTY_STATE_DIR"] = f"{folder}/{machine}"
import optuna
from beauty_mlflow.jobs.sweep_parent import open_parent
from beauty_mlflow.search.storages import open_storage
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.store import connect
storage = open_storage(f"{folder}/trials.db")
for number in range(rounds):
    name = f"study {number}"
    with storage.alone():
        study = optuna.create_study(storage=storage.trials, study_name=name, load_if_exists=True)
    time.sleep(max(0, begin + number - time.time()))
    parameters = {"study": name, "workers": machine}
    with open_parent(connect(), storage, study, name, parameters) as run, tracked(run):
        run.set_tags({"mlflow.note.content": name})
"""
MACHINES, ROUNDS = ("1", "2", "3"), 8


@pytest.mark.slow
def test_machines_that_begin_at_once_with_other_parameters(local_store, tmp_path):
    """Eight studies, three machines, each with another number of workers: one run a study, as one of them said."""
    begin = time.time() + 30
    drivers = [
        subprocess.Popen(
            [sys.executable, "-c", DRIVER, tmp_path, machine, str(begin), str(ROUNDS)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for machine in MACHINES
    ]
    for driver in drivers:
        _, said = driver.communicate()
        assert driver.returncode == 0, said[-3000:]
    store = connect()
    runs = list(find_runs(store, [store.experiment_id], {}))
    assert sorted(run.data.params["study"] for run in runs) == [f"study {number}" for number in range(ROUNDS)]
    assert {run.data.params["workers"] for run in runs} <= set(MACHINES)
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert all(names.ERROR not in run.data.tags for run in runs)
