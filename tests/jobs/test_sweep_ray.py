"""A sweep whose trials are tasks of Ray, from its command to its report."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from beauty_mlflow.search.attempts import INTERRUPTED, State
from beauty_mlflow.search.executors.ray.cluster import ADDRESS
from beauty_mlflow.search.storages import open_storage
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.finding import child_runs
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

pytestmark = pytest.mark.slow
PATIENCE = 400  # seconds; generous, since other work may keep the machine busy
WITHOUT_RAY = "import sys; sys.modules['ray'] = None; from beauty_mlflow.cli import main; main()"
# the nodes that this machine could have are all of one machine
ON_TWO_MACHINES = (
    "from beauty_mlflow.search.executors.ray.executor import RayExecutor; RayExecutor.machines = ['here', 'there']; "
    "from beauty_mlflow.cli import main; main()"
)
GOOD = [{"blocks": blocks, "learning_rate": 0.003} for blocks in (0, 1)]


def trials_of(place):
    storage = open_storage(str(place.folder / "optuna.db")).trials
    (study,) = storage.get_all_studies()
    return storage.get_all_trials(study._study_id), study.user_attrs["run"]


def children_of(parent):
    store = connect()
    return child_runs(store, Run.find(store, parent))


def test_two_trials_and_their_runs(sweep_place):
    """Each has its manifest from the task, not from the sweep's folder, which another machine doesn't have."""
    process = sweep_place.start(sweep_place.file(trials=2, start=GOOD), executor="ray")
    printed, said = process.communicate()
    assert process.returncode == 0, said[-3000:]
    assert "trials: 2 complete" in printed
    assert "ray" not in printed
    trials, parent = trials_of(sweep_place)
    assert [trial.state for trial in trials] == [State.COMPLETE] * 2
    runs = children_of(parent)
    assert [(run.status, run.tags[names.TRIAL_NUMBER]) for run in runs] == [("FINISHED", "0"), ("FINISHED", "1")]
    assert {run.run_id for run in runs} == {trial.user_attrs["run"] for trial in trials}
    manifests = {run.parameters()["data"].strip("'") for run in runs}
    assert [os.path.commonpath([sweep_place.state / "manifests", one]) for one in manifests] == [
        str(sweep_place.state / "manifests")
    ]


def test_ctrl_c_closes_the_runs_and_ends_ray(sweep_place):
    """The signal goes to all processes of the terminal, Ray's own among them."""
    command = sweep_place.command(
        sweep_place.file(trials=2, start=GOOD, parameters={"network": "tiny", "epochs": 500, "patience": 500}),
        executor="ray",
    )
    process = subprocess.Popen(
        command,
        env=sweep_place.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + PATIENCE
    while not (sweep_place.folder / "optuna.db").exists() or not any(
        trial.intermediate_values for trial in trials_of_or_none(sweep_place)
    ):
        assert process.poll() is None, process.stderr.read()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.5)
    started = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors[-3000:]
    assert "Traceback" not in errors
    trials, parent = trials_of(sweep_place)
    assert [trial.state for trial in trials[:1]] == [State.FAIL]
    assert trials[0].user_attrs[INTERRUPTED]
    assert {run.status for run in children_of(parent)} <= {"FAILED", "KILLED"}
    _, left = psutil.wait_procs(started, timeout=60)
    assert left == []


def trials_of_or_none(place):
    storage = open_storage(str(place.folder / "optuna.db")).trials
    studies = storage.get_all_studies()
    return storage.get_all_trials(studies[0]._study_id) if studies else []


@pytest.mark.parametrize(
    ("script", "address", "workers", "sentence"),
    [
        (WITHOUT_RAY, "", 1, "executor=ray needs Ray: pip install 'beauty-mlflow[ray]'"),
        (
            "from beauty_mlflow.cli import main; main()",
            "127.0.0.1:1",
            1,
            "The Ray cluster at 127.0.0.1:1 (RAY_ADDRESS)",
        ),
        ("from beauty_mlflow.cli import main; main()", "", 1000, "cores for 1000 workers; give fewer workers"),
        (
            ON_TWO_MACHINES,
            "",
            1,
            "The Ray cluster is on 2 machines (here, there), but the tracking store sqlite:",
        ),
    ],
)
def test_what_ray_lacks_is_said_before_anything_starts(sweep_place, script, address, workers, sentence):
    command = sweep_place.command(sweep_place.file(trials=2), executor="ray", workers=workers)
    environment = {**sweep_place.environment, **({ADDRESS: address} if address else {})}
    done = subprocess.run(
        [sys.executable, "-c", script, *command[3:]], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert trials_of_or_none(sweep_place) == []
    assert connect().client.search_runs([connect().experiment_id]) == []
