"""What a sweep can't be is said before there is a run or a study."""

import sqlite3
from contextlib import closing

import pytest

from beauty_mlflow.errors import StorageError, SweepError
from beauty_mlflow.jobs.sweep import Sweep
from beauty_mlflow.jobs.sweeping import sweep
from beauty_mlflow.tracking.store import connect


def refused(place, error, message, config, **given):
    """The sweep is refused with status 2 and this message, and leaves neither run nor study."""
    before = runs_and_studies(place)
    with pytest.raises(error, match=message) as caught:
        sweep(Sweep.parse({"config": str(config), "data": str(place.data), **given}))
    assert caught.value.exit_status == 2
    assert runs_and_studies(place) == before


def runs_and_studies(place):
    store = connect()
    import optuna

    file = place.folder / "optuna.db"
    studies = optuna.study.get_all_study_names(f"sqlite:///{file}") if file.exists() else []
    return sorted(run.info.run_id for run in store.client.search_runs([store.experiment_id])), studies


SPACE = {"blocks": {"type": "int", "low": 0, "high": 1}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trails": 3}, "unknown key trails.*Did you mean 'trials'"),
        ({"space": {"blocks": {"type": "int", "low": 3, "high": 1}}}, "the range is empty"),
        ({"space": {"blocks": {"type": "int", "low": 0, "high": 99}}}, r"rates\.toml: .*blocks.* 0 to \d+"),
        ({"space": {**SPACE, "depth": {"type": "int", "low": 0, "high": 1}}}, "finetune has no parameter depth"),
        ({"space": SPACE, "parameters": {"network": "vgg"}}, "'vgg' is no network"),
        ({"space": SPACE, "parameters": {"data": "boxes"}}, "data is what the sweep gives its trials"),
        ({"space": SPACE, "parameters": {"resume": "0" * 32}}, "resume is what the sweep gives its trials"),
        ({"space": {"data": {"type": "choice", "values": ["a", "b"]}}}, "data is what the sweep gives its trials"),
        (
            {"space": {**SPACE, "luck": {"type": "int", "low": 0, "high": 9, "parameter": "seed"}}, "confirm": 1},
            r"seed is searched, .* the best trials \(confirm = 1\)\. Expected confirm = 0, or no seed in \[space\]",
        ),
        ({"objective": "best_val_acuracy"}, "has no figure best_val_acuracy.*Did you mean 'best_val_accuracy'"),
    ],
)
def test_what_the_file_says(sweep_place, changes, message):
    """Keys, ranges, parameters, depths and objectives that can't be: the file is named, and what was expected."""
    refused(sweep_place, SweepError, message, sweep_place.file(**changes))


def test_no_such_file(sweep_place):
    refused(sweep_place, SweepError, "nowhere.toml' doesn't exist", "nowhere.toml")


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        ("/proc/nowhere/trials.db", "SQLite file /proc/nowhere/trials.db can't be used"),
        (
            "postgresql+psycopg://user:secret@127.0.0.1:1/trials",
            r"postgresql\+psycopg://user:\*\*\*@127.* can't be reached",
        ),
        ("nonsense://", "nonsense"),
        ("postgresql:/user:secret@127.0.0.1:1/trials", r"'postgresql://…@127.* is no storage URL: expected ://"),
    ],
)
def test_a_storage_that_isnt_there(sweep_place, storage, message):
    """It is named, without its password."""
    refused(sweep_place, StorageError, message, sweep_place.file(), storage=storage)


def test_the_command_line_ends_with_status_2_and_a_sentence(sweep_place):
    """No traceback, nothing on stdout."""
    done = sweep_place.sweep(sweep_place.file(objective="nothing"))
    assert done.returncode == 2
    assert "has no figure nothing" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.fixture
def begun(finished_sweep, tmp_path, monkeypatch):
    """A copy of the stores in which a sweep has ended."""
    for name in ("mlflow.db", "optuna.db"):
        files = (finished_sweep.folder / name, tmp_path / name)
        with closing(sqlite3.connect(files[0])) as source, closing(sqlite3.connect(files[1])) as target:
            source.backup(target)  # with what its write-ahead log still holds
    place = type(finished_sweep)(tmp_path, finished_sweep.data, finished_sweep.server)
    place.use(monkeypatch)
    place.config = finished_sweep.config
    return place


@pytest.mark.slow
def test_another_search_under_the_same_study(begun, finished_sweep):
    """What differs is named; so it is for other pictures."""
    (name,) = runs_and_studies(begun)[1]
    other = begun.file(trials=6, space={"blocks": {"type": "int", "low": 0, "high": 2}})
    refused(begun, SweepError, r"searches something else: space\.blocks\.high was 1(\.0)?, now 2", other, study=name)


@pytest.mark.slow
def test_a_study_of_another_tracking_store(begun, tmp_path, monkeypatch):
    """The sweep's run isn't in this store: which run, which study, and what to set."""
    (name,) = runs_and_studies(begun)[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'elsewhere' / 'mlflow.db'}")
    refused(
        begun,
        SweepError,
        "belongs to the run [0-9a-f]{32}.*set MLFLOW_TRACKING_URI to that",
        begun.config,
        study=name,
        storage=str(begun.folder / "optuna.db"),
    )


@pytest.mark.slow
def test_a_sweep_whose_run_was_deleted(begun):
    """It says which run, and how to bring it back."""
    store = connect()
    (parent,) = store.client.search_runs([store.experiment_id], "tags.best.run != ''")
    store.client.delete_run(parent.info.run_id)
    message = f"{parent.info.run_id} is deleted; bring it back with: mlflow runs restore --run-id {parent.info.run_id}"
    refused(begun, SweepError, message, begun.config)
