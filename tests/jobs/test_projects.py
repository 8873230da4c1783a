"""What `mlflow run` makes of the project, each in a process of its own as a user would start it."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from arguments import options
from forks import started
from waiting import until

from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.finetune import run as finetune
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def mlflow_run(*arguments, manager="local"):
    command = [
        str(Path(sys.executable).with_name("mlflow")),
        "run",
        str(ROOT),
        "--env-manager",
        manager,
        *arguments,
    ]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path})


def only_run(experiment="0"):
    (found,) = connect().client.search_runs([experiment])
    return found


def test_finetune_uses_the_run_that_mlflow_made(local_store, tmp_path, pictures):
    """The entry point uses MLflow's own run and finishes it; a space in a path is no trouble."""
    data = tmp_path / "a folder"
    data.symlink_to(pictures)
    result = mlflow_run(
        "-e",
        "finetune",
        "-P",
        f"data={data}",
        "-P",
        "network=tiny",
        "-P",
        "blocks=1",
        "-P",
        "epochs=1",
        "-P",
        "weights=random",
    )
    assert result.returncode == 0, result.stderr
    found = only_run()
    assert found.info.status == "FINISHED"
    assert found.data.params["network"] == "tiny"
    assert found.data.tags["mlflow.source.type"] == "PROJECT"
    assert "best_val_accuracy" in found.data.metrics
    assert result.stdout.splitlines()[-1] == f"run_id: {found.info.run_id}"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (["-P", "block=6"], "No such option '--block'"),
        (["-P", "blocks=99"], "0 to 11"),
        (["-P", "learning_rate=0"], "expected auto or a number above 0"),
        (["-P", "learning-rate=1"], "is given 2 times"),
        (["-P", "data=nowhere"], "'nowhere' doesn't exist"),
    ],
)
def test_bad_input_ends_mlflows_run_failed(local_store, parameters, message):
    """Under `mlflow run` the run ends FAILED, with our message as its tag."""
    result = mlflow_run("-e", "finetune", *parameters)
    assert result.returncode == 1
    found = only_run()
    assert found.info.status == "FAILED"
    assert message in found.data.tags["error"]


def test_no_value_reaches_a_shell(local_store, tmp_path):
    """A value with shell syntax arrives as it is, or is refused as text; nothing of it is run."""
    mark = tmp_path / "ran"
    for value in (f"$(touch {mark})", f"`touch {mark}`", f"'; touch {mark}; '", f'" && touch {mark} "'):
        mlflow_run("-e", "split", "-P", f"data={value}", "-P", f"out={value}")
    assert not mark.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_the_run_killed_and_resumable(local_store, beauty_process, number):
    """SIGTERM and Ctrl-C end the run KILLED; `resume` finishes it, in the same run."""
    process, run_id = beauty_process()
    process.kill(number)
    assert process.wait(60) == 128 + number
    assert Run.find(connect(), run_id).status == "KILLED"
    assert dict(finetune(Finetune(resume=run_id)))["run_id"] == run_id
    assert_whole(run_id)


def test_a_closed_terminal_leaves_the_run_killed(local_store, beauty_process):
    """SIGHUP, as a dropped connection sends it, ends the run as SIGTERM does."""
    process, run_id = beauty_process()
    process.kill(signal.SIGHUP)
    assert process.wait(60) == 128 + signal.SIGHUP
    assert Run.find(connect(), run_id).status == "KILLED"


def test_no_training_outlives_the_mlflow_run_that_began_it(local_store, pictures):
    """SIGTERM to `mlflow run` itself, which passes nothing on, still ends the training, as KILLED."""
    given = {"data": pictures, "network": "tiny", "blocks": 1, "epochs": 500, "patience": 500, "weights": "random"}
    words = [word for name, value in given.items() for word in ("-P", f"{name}={value}")]
    command = [
        str(Path(sys.executable).with_name("mlflow")),
        "run",
        str(ROOT),
        "--env-manager",
        "local",
        "-e",
        "finetune",
    ]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with subprocess.Popen([*command, *words], env=environment, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: begun("0"))
        process.terminate()
    wait_until(lambda: only_run().info.status != "RUNNING")
    assert only_run().info.status == "KILLED"


def wait_until(holds):
    return until(holds, seconds=120, pause=0.1)


def begun(experiment):
    """Return the runs that have an epoch behind them."""
    found = connect().client.search_runs([experiment])
    return [run for run in found if "val_loss" in run.data.metrics]


def test_a_killed_process_is_resumable(local_store, beauty_process):
    """After kill -9 the run goes on where its last checkpoint was; MLflow's own run beside it says so."""
    process, run_id = beauty_process()
    process.kill(signal.SIGKILL)
    process.wait(60)
    result = mlflow_run("-e", "finetune", "-P", f"resume={run_id}")
    assert result.returncode == 0, result.stderr
    assert_whole(run_id)
    beside = only_run()
    assert beside.data.tags["resumed"] == run_id
    assert beside.info.status == "FINISHED"


def assert_whole(run_id):
    assert Run.find(connect(), run_id).status == "FINISHED"
    points = connect().client.get_metric_history(run_id, "val_loss")
    assert [point.step for point in points] == list(range(1, len(points) + 1))


@pytest.fixture
def beauty_process(pictures, fork_server, tmp_path):
    """Start a fine-tuning of many epochs; returns it and its run's id when the first epochs are logged."""
    given = {"data": pictures, "network": "tiny", "blocks": 1, "epochs": 12, "patience": 12, "weights": "random"}
    words = ["finetune", *options({**given, "figures": "false"})]
    with ExitStack() as stack:

        def start():
            opened = started(fork_server, words, tmp_path, folder=ROOT, environment=os.environ)
            process, _ = stack.enter_context(opened)
            (run,) = wait_until(lambda: begun(connect().experiment_id))
            return process, run.info.run_id

        yield start
