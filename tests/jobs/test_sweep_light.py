"""What a sweep does with its trials, whatever they are: these have no network, and take no time."""

import csv
import re
from pathlib import Path

import pytest

from beauty_mlflow.data.splits.manifest import read_split
from beauty_mlflow.errors import SearchError
from beauty_mlflow.jobs import sweep_search, sweeping
from beauty_mlflow.jobs.sweep import Sweep
from beauty_mlflow.jobs.sweeping import sweep
from beauty_mlflow.search.executors.base import Task
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

BLOCKS = {"type": "int", "low": 0, "high": 3}
RATE = {"type": "float", "low": 1e-4, "high": 0.5, "log": True}


@pytest.fixture(autouse=True)
def light_trials(monkeypatch):
    """Trials are processes of a module that only computes a figure."""
    monkeypatch.setattr(sweeping, "TRIAL_MODULE", "light_trial")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def light(place, **changes):
    """Write a sweep file for light trials."""
    usual = {"space": {"blocks": BLOCKS, "learning_rate": RATE}, "objective": "best_val_accuracy"}
    return place.file(**{**usual, "sampler": "random", "pruner": "none", "trials": 3, **changes})


def do(place, config, **given):
    return dict(sweep(Sweep.parse({"config": str(config), "data": str(place.data), **given})))


def runs():
    store = connect()
    return [Run(store, run.info.run_id) for run in store.client.search_runs([store.experiment_id])]


def rows(run, name="trials.csv"):
    with open(connect().client.download_artifacts(run.run_id, f"search/{name}"), newline="") as stream:  # noqa: PTH123
        return list(csv.DictReader(stream))


def test_raising_trials_goes_on_in_the_same_run(sweep_place):
    """Three trials, then five in all: the first three stay, two are new, the parent is the same."""
    config = light(sweep_place)
    first = do(sweep_place, config)
    (parent,) = runs()
    before = rows(parent)
    second = do(sweep_place, config, trials="5")
    assert second["run_id"] == first["run_id"] == parent.run_id
    assert [row["number"] for row in rows(parent)] == ["0", "1", "2", "3", "4"]
    assert rows(parent)[:3] == before
    assert list(parent.metric_history("trials_done")) == [1, 2, 3, 4, 5]
    assert len({row["params.learning_rate"] for row in rows(parent)}) == 5
    assert parent.status == "FINISHED"


def remembered(monkeypatch):
    """Return what every trial of a sweep will be given, in order."""
    tasks = []

    def make(*given, **named):
        tasks.append(Task(*given, **named))
        return tasks[-1]

    monkeypatch.setattr(sweep_search, "Task", make)
    return tasks


def test_depths_that_are_searched_share_the_cache(sweep_place, monkeypatch):
    """Each trial knows all depths of the search, and all trials read one manifest, so that they need one pass."""
    tasks = remembered(monkeypatch)
    do(sweep_place, light(sweep_place))
    assert {task.content["parameters"]["cache_depths"] for task in tasks} == {"0,1,2,3"}
    assert len({task.reuses for task in tasks}) == 1
    (data,) = {task.content["parameters"]["data"] for task in tasks}
    assert read_split(Path(data)).fingerprint == read_split(sweep_place.data).fingerprint


def test_a_grid_shares_the_cache_among_its_points(sweep_place, monkeypatch):
    """More trials than points there aren't; what decides what is cached changes last, and isn't shared."""
    tasks = remembered(monkeypatch)
    rates = {"type": "choice", "values": [0.01, 0.1]}
    do(sweep_place, light(sweep_place, trials=30, sampler="grid", space={"blocks": BLOCKS, "learning_rate": rates}))
    assert [task.content["parameters"]["cache_trainings"] for task in tasks] == ["8"] * 8
    tasks.clear()
    space = {
        "learning_rate": rates,
        "blocks": {**BLOCKS, "high": 0},
        "image_size": {"type": "choice", "values": [32, 64]},
    }
    do(sweep_place, light(sweep_place, trials=30, sampler="grid", space=space), study="sizes")
    assert [task.content["parameters"]["image_size"] for task in tasks] == ["32", "32", "64", "64"]
    assert [task.reuses == tasks[0].reuses for task in tasks] == [True, True, False, False]
    assert not any("cache_trainings" in task.content["parameters"] for task in tasks)


def test_ten_failures_in_a_row_end_the_sweep_and_are_reported(sweep_place):
    """The parent fails with the reason, and the table of what was tried is there."""
    config = light(
        sweep_place,
        trials=20,
        parameters={"learning_rate": 1, "network": "tiny", "weights": "random"},
        space={"blocks": BLOCKS},
    )
    with pytest.raises(SearchError, match="10 trials failed one after the other; the last one: a learning rate of 1"):
        do(sweep_place, config)
    (parent,) = runs()
    assert parent.status == "FAILED"
    assert "10 trials failed" in parent.tags[names.ERROR]
    assert {row["reason"] for row in rows(parent)} == {"a learning rate of 1"}
    assert len(rows(parent)) == 10


def test_a_sweep_in_which_every_trial_failed_fails(sweep_place):
    """It has nothing to show but why; with more trials it goes on."""
    space = {"blocks": BLOCKS, "learning_rate": {"type": "choice", "values": [0.01, 1.0]}}
    start = [{"blocks": blocks, "learning_rate": rate} for blocks, rate in ((0, 1.0), (1, 1.0), (2, 0.01))]
    config = light(sweep_place, space=space, start=start)
    with pytest.raises(SearchError, match="All 2 trials of the study failed; the last one: a learning rate of 1"):
        do(sweep_place, config, trials="2")
    (parent,) = runs()
    assert parent.status == "FAILED"
    assert "All 2 trials" in parent.tags[names.ERROR]
    assert [row["reason"] for row in rows(parent)] == ["a learning rate of 1"] * 2
    assert do(sweep_place, config, trials="3")["best"].startswith("trial 2")
    assert parent.status == "FINISHED"


def test_a_new_best_leaves_no_tag_of_the_old_one(sweep_place):
    """A parameter that only the earlier best had isn't shown as the best's."""
    space = {
        "blocks": {"type": "choice", "values": [0, 3]},
        "shallow_rate": {**RATE, "parameter": "learning_rate", "when": {"blocks": [0]}},
        "deep_rate": {**RATE, "parameter": "learning_rate", "when": {"blocks": [3]}},
    }
    start = [{"blocks": 0, "shallow_rate": 0.5}, {"blocks": 3, "deep_rate": 0.01}]
    config = light(sweep_place, space=space, start=start)
    do(sweep_place, config, trials="1")
    (parent,) = runs()
    assert "best.shallow_rate" in parent.tags
    do(sweep_place, config, trials="2")
    assert parent.tags["best.deep_rate"] == "0.01"
    assert "best.shallow_rate" not in parent.tags


def test_of_several_objectives_the_best_is_on_the_front(sweep_place):
    """Of two trials of one accuracy the smaller network wins, not the first one."""
    objectives = [
        {"metric": "best_val_accuracy", "direction": "maximize"},
        {"metric": "parameters_trainable", "direction": "minimize"},
    ]
    start = [{"blocks": blocks, "learning_rate": 0.01} for blocks in (3, 2, 0)]
    summary = do(sweep_place, light(sweep_place, objective=objectives, start=start))
    (parent,) = runs()
    assert summary["best"].startswith("trial 1: blocks=2")
    assert "2 trials are on the Pareto front" in parent.tags[names.DESCRIPTION]
    assert {"best_val_accuracy", "parameters_trainable"} <= set(rows(parent)[0])
    listed = {entry.path for entry in connect().client.list_artifacts(parent.run_id, "search")}
    assert {"search/pareto_front.png", "search/history_parameters_trainable.png"} <= listed


@pytest.mark.parametrize("name", ["../../up/and/away", "a: b?* 'c' \"d\" %", "ünïcödé …", "x" * 400, "."])
def test_any_name_is_a_studys(sweep_place, name):
    """Whatever the study is called, what trials print is kept inside the state folder, in one of its own."""
    summary = do(sweep_place, light(sweep_place, trials=1), study=name)
    (parent,) = runs()
    assert parent.tags[names.STUDY] == name
    assert summary["run_id"] == parent.run_id
    (folder,) = (sweep_place.state / "sweeps").iterdir()
    assert (folder / "trial-00000.log").is_file()
    assert folder.name.isascii()
    do(sweep_place, light(sweep_place, trials=1), study=f"{name}2"[-400:])
    assert len(list((sweep_place.state / "sweeps").iterdir())) == 2


def test_a_file_store_keeps_the_trials_beside_it(sweep_place, file_uri, monkeypatch):
    """Under a file store all is as under SQLite, and the study lies beside the store's folder."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", file_uri)
    (sweep_place.folder / "optuna.db").unlink(missing_ok=True)
    summary = do(sweep_place, light(sweep_place))
    (parent,) = runs()
    assert summary["run_id"] == parent.run_id
    assert (sweep_place.folder / "optuna.db").is_file()
    assert len(rows(parent)) == 3


def test_a_tracking_server_takes_a_sweep(sweep_place, server_uri, monkeypatch):
    """Runs, figures and table go over HTTP as well."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server_uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "a sweep over http")
    summary = do(sweep_place, light(sweep_place), storage=str(sweep_place.folder / "trials.db"))
    (parent,) = runs()
    assert summary["run_id"] == parent.run_id
    assert parent.status == "FINISHED"
    assert list(parent.metric_history("trials_done")) == [1, 2, 3]
    assert len(rows(parent)) == 3


@pytest.mark.parametrize("storage", ["memory", "trials.journal", "trials.db"])
def test_other_storages(sweep_place, storage, monkeypatch):
    """A journal file, another SQLite file and memory hold the trials as well; a relative path is said absolute."""
    monkeypatch.chdir(sweep_place.folder)
    do(sweep_place, light(sweep_place, trials=2), storage=storage)
    (parent,) = runs()
    assert len(rows(parent)) == 2
    assert not (sweep_place.folder / "optuna.db").exists()
    if storage != "memory":
        assert (sweep_place.folder / storage).is_file()
        assert f"storage={sweep_place.folder / storage}" in parent.tags[names.DESCRIPTION]


def test_a_sweep_stays_in_its_experiment(sweep_place, monkeypatch):
    """Gone on with from under another experiment's name, its trials are still the parent's neighbours."""
    config = light(sweep_place)
    do(sweep_place, config, trials="1")
    (parent,) = runs()
    tasks = []
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "another")
    monkeypatch.setattr(sweep_search, "Task", lambda *given, **more: tasks.append(given[1]) or Task(*given, **more))
    do(sweep_place, config, trials="2")
    assert [content["experiment"] for content in tasks] == [parent.experiment_id]
    assert connect().experiment_id != parent.experiment_id


def test_mlflows_own_run_is_the_parent_and_later_ones_point_at_it(sweep_place, monkeypatch):
    """Under `mlflow run`, the first run is the sweep; a restart's run has the tag resumed and ends as it does."""
    store = connect()
    config = light(sweep_place)

    def mlflows(**given):
        run = store.client.create_run(store.experiment_id)
        monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
        do(sweep_place, config, **given)
        return Run(store, run.info.run_id)

    first, second = mlflows(trials="1"), mlflows(trials="2")
    assert first.tags[names.STUDY]
    assert len(rows(first)) == 2
    assert second.tags[names.RESUMED] == first.run_id
    assert first.status == second.status == "FINISHED"
    assert second.metric_history("trials_done") == {}
    assert len(runs()) == 2


def test_a_restart_that_fails_ends_both_runs(sweep_place, monkeypatch):
    """MLflow's run beside the sweep's gets the same status."""
    store = connect()
    space = {"blocks": BLOCKS, "learning_rate": {"type": "choice", "values": [0.01, 1.0]}}
    start = [{"blocks": 0, "learning_rate": 0.01}, *({"blocks": 0, "learning_rate": 1.0} for _ in range(1))]
    config = light(sweep_place, space=space, start=start, sampler="random")
    do(sweep_place, config, trials="1")
    (parent,) = runs()
    monkeypatch.setattr("beauty_mlflow.search.driver.MOST_FAILURES", 1)
    run = store.client.create_run(store.experiment_id)
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    with pytest.raises(SearchError):
        do(sweep_place, config, trials="2")
    beside = Run(store, run.info.run_id)
    assert beside.tags[names.RESUMED] == parent.run_id
    assert beside.status == parent.status == "FAILED"
    assert beside.tags[names.ERROR] == parent.tags[names.ERROR]


@pytest.mark.slow
def test_two_commands_at_once_share_the_work(sweep_place):
    """Started together on a fresh store they make one parent and one study, and every trial once."""
    config = light(sweep_place, trials=8)
    started = [sweep_place.light(config) for _ in range(2)]
    ended = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    (parent,) = runs()
    assert parent.status == "FINISHED"
    assert [row["state"] for row in rows(parent)] == ["COMPLETE"] * 8
    tried = [re.findall(r"^trial (\d+): blocks", stderr, re.MULTILINE) for _, stderr in ended]
    assert sorted(map(int, [*tried[0], *tried[1]])) == list(range(8))


@pytest.mark.slow
def test_fifty_trials_take_no_more_memory_than_ten(sweep_place):
    """A trial's process takes with it what it needed: the driver is as large in the last trial as in the tenth."""
    footprints = sweep_place.folder / "footprints"
    process = sweep_place.light(light(sweep_place, trials=50), environment={"FOOTPRINTS": str(footprints)})
    _, stderr = process.communicate()
    assert process.returncode == 0, stderr
    resident = [int(line) for line in footprints.read_text().split()]
    assert len(resident) == 50
    assert resident[49] < 1.02 * resident[9]
