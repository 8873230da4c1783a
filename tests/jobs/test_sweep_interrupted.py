"""A sweep that Ctrl-C, a kill or a power cut ends in the middle goes on with the same command."""

import csv
import re
import signal

import psutil
import pytest
from waiting import until

from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
EPOCHS = 20


@pytest.fixture
def config(sweep_place):
    """Two long trials, whose rates learn; the better one is then confirmed on one seed."""
    start = [{"blocks": blocks, "learning_rate": 0.003} for blocks in (1, 0)]
    usual = sweep_place.content["parameters"]
    parameters = {**usual, "epochs": EPOCHS, "patience": EPOCHS, "augment": "none"}
    return sweep_place.file(trials=2, start=start, parameters=parameters, confirm=1, confirm_seeds=1)


def every_run():
    store = connect()
    return [Run(store, run.info.run_id) for run in store.client.search_runs([store.experiment_id])]


def runs():
    return {run.tags["mlflow.runName"]: run for run in every_run()}


def wait_until(holds):
    until(holds, seconds=300, pause=0.1)


def under_way(name):
    """Whether a trial has epochs behind it, and before it."""
    run = runs().get(name)
    return run is not None and 3 <= max(run.metric_history("val_loss"), default=0) < EPOCHS


def cut_power(process, ended):
    """Kill a sweep with its trials."""
    for one in [*psutil.Process(process.number).children(recursive=True), psutil.Process(process.number)]:
        one.kill()
    ended().require(-signal.SIGKILL)


def table(run):
    with open(connect().client.download_artifacts(run.run_id, "search/trials.csv"), newline="") as stream:  # noqa: PTH123
        return list(csv.DictReader(stream))


def assert_went_on(place, dead, again):
    """A trial that repeats another began after the epochs that the other had kept, and has them all."""
    history = again.metric_history("val_loss")
    assert list(history) == list(range(1, EPOCHS + 1))
    number = again.tags[names.TRIAL_NUMBER]
    (log,) = place.state.glob(f"sweeps/*/trial-{int(number):05d}.log")
    trained = [int(epoch) for epoch in re.findall(rf"epoch (\d+)/{EPOCHS} ", log.read_text())]
    known = dead.metric_history("val_loss")
    assert max(known) <= min(trained) - 1 <= max(known) + 1  # an epoch may be kept that wasn't told any more
    assert {epoch: history[epoch] for epoch in known} == known
    assert place.leftovers == []


def test_ctrl_c_and_on(sweep_place, config, tmp_path):
    """Nothing stays RUNNING, what was found is reported, how to go on is said, and the same command finishes."""
    process, ended = sweep_place.begin(config)
    wait_until(lambda: under_way("trial 0"))
    process.kill(signal.SIGINT)
    said = ended().require(128 + signal.SIGINT).stderr
    (parent,) = [run for run in runs().values() if names.PARENT not in run.tags]
    assert {run.status for run in runs().values()} == {"KILLED"}
    assert f"the search is interrupted; it goes on with: mlflow run . -e sweep -P config={config}" in said
    assert [row["reason"] for row in table(parent)] == ["it was interrupted"]

    done = sweep_place.sweep(config).require()
    found = runs()
    assert f"run_id: {parent.run_id}" in done.stdout
    assert parent.status == "FINISHED"
    assert sorted(re.sub(r"confirm \d", "confirm N", name) for name in found if not name.startswith("sweep")) == [
        "confirm N, seed 1",
        "trial 0",
        "trial 1",
        "trial 2",
    ]
    (again,) = [run for name, run in found.items() if name != "trial 0" and _repeats(parent, run)]
    assert_went_on(sweep_place, found["trial 0"], again)
    assert "trials: 2 complete, 0 pruned, 1 begun again" in done.stdout
    assert [run.status for name, run in found.items() if name != "trial 0"] == ["FINISHED"] * 4


def _repeats(parent, run):
    return any(row["run"] == run.run_id and row["reason"] == "repeats trial 0" for row in table(parent))


def test_kill_and_on(sweep_place, config):
    """After a power cut the next start closes what is RUNNING, and tries the trial again from its checkpoint."""
    process, ended = sweep_place.begin(config)
    wait_until(lambda: under_way("trial 0"))
    cut_power(process, ended)
    found = runs()
    assert {run.status for run in found.values()} == {"RUNNING"}

    sweep_place.sweep(config).require()
    dead = runs()["trial 0"]
    assert dead.status == "FAILED"
    assert "its worker died" in dead.tags[names.ERROR]
    assert dead.tags[names.TRIAL_STATE] == "FAIL"
    (parent,) = [run for run in runs().values() if names.PARENT not in run.tags]
    (again,) = [run for run in runs().values() if _repeats(parent, run)]
    assert_went_on(sweep_place, dead, again)
    assert {run.status for name, run in runs().items() if name != "trial 0"} == {"FINISHED"}
    assert parent.run_id in {run.run_id for run in found.values()}


def test_a_trial_does_not_outlive_its_search(sweep_place, config):
    """After kill -9 of the search alone the trial's process ends by itself, and closes its run."""
    process, _ = sweep_place.begin(config)
    wait_until(lambda: under_way("trial 0"))
    (trial,) = psutil.Process(process.number).children()
    process.kill(signal.SIGKILL)
    trial.wait(300)
    run = runs()["trial 0"]
    assert run.status == "KILLED"
    assert max(run.metric_history("val_loss")) < EPOCHS


def test_confirming_goes_on_as_well(sweep_place, config):
    """A confirming run that died is closed, and repeated from its checkpoint; no trial is run again."""
    process, ended = sweep_place.begin(config)
    wait_until(lambda: any(under_way(name) for name in runs() if name.startswith("confirm")))
    (name,) = [name for name in runs() if name.startswith("confirm")]
    cut_power(process, ended)
    dead = runs()[name]
    assert dead.status == "RUNNING"

    sweep_place.sweep(config).require()
    assert dead.status == "FAILED"
    (again,) = [run for run in every_run() if run.tags["mlflow.runName"] == name and run.run_id != dead.run_id]
    assert again.status == "FINISHED"
    assert list(again.metric_history("val_loss")) == list(range(1, EPOCHS + 1))
    assert_confirming_went_on(sweep_place, dead, again)
    assert sum(run.startswith("trial") for run in runs()) == 2
    assert sweep_place.leftovers == []


def test_a_confirming_process_that_is_killed_alone(sweep_place, config):
    """The search goes on with its run from the checkpoint at once, and nothing stays RUNNING."""
    process, ended = sweep_place.begin(config)
    wait_until(lambda: any(under_way(name) for name in runs() if name.startswith("confirm")))
    (dead,) = [run for name, run in runs().items() if name.startswith("confirm")]
    (trial,) = psutil.Process(process.number).children()
    trial.kill()
    done = ended().require()
    assert re.search(r"trial \d on seed 1: its process was killed by SIGKILL.*; it is run again", done.stderr)
    assert "over 1 other seeds" in done.stdout
    assert dead.status == "FAILED"
    assert "its process was killed by SIGKILL" in dead.tags[names.ERROR]
    assert {run.status for run in every_run() if run.run_id != dead.run_id} == {"FINISHED"}
    (again,) = [run for run in every_run() if names.CONFIRM in run.tags and run.run_id != dead.run_id]
    assert_confirming_went_on(sweep_place, dead, again)
    assert sweep_place.leftovers == []


def assert_confirming_went_on(place, dead, again):
    """The second run has the epochs of the first one, which trained them; what they printed is in one log of theirs."""
    assert list(again.metric_history("val_loss")) == list(range(1, EPOCHS + 1))
    known = dead.metric_history("val_loss")
    assert {epoch: again.metric_history("val_loss")[epoch] for epoch in known} == known
    (log,) = place.state.glob(f"sweeps/*/trial-{int(again.tags[names.CONFIRM]):05d}-seed-1.log")
    assert len(re.findall(rf"epoch 1/{EPOCHS} ", log.read_text())) == 1
