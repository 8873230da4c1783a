"""The soak sees what is lost, doubled or wrong, and what grows; in short form it finds nothing."""

import contextlib
import json
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from beauty_mlflow.tracking.store import connect


@pytest.fixture
def soak():
    import soak

    return soak


@pytest.fixture
def written(soak, local_store):
    """A store that holds one writer's only run, of three epochs: its URI, and the run's id."""
    store = connect()
    soak._one_run(store, 0, 0, 3)
    (run,) = store.client.search_runs([store.experiment_id])
    return local_store, run.info.run_id


def test_a_run_as_it_was_logged(soak, written):
    uri, _ = written
    assert soak.missing(uri, soak.Size(1, 1, 3)) == []
    assert soak.unsent() == []


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (lambda client, run: client.log_metric(run, "loss", 0.5, step=2), "loss has 4 values at 3 steps"),
        (lambda client, run: client.log_metric(run, "loss", 0.5, step=4), "loss has 4 values at 4 steps"),
        (lambda client, run: client.log_metric(run, "best_val_loss", 0.5, step=1), "best_val_loss is 0.5, not"),
        (lambda client, run: client.set_terminated(run, "KILLED"), "is KILLED, not FINISHED"),
        (lambda client, run: client.delete_run(run), "is missing, not FINISHED"),
    ],
    ids=["doubled", "a step too many", "another value", "another status", "lost"],
)
def test_what_is_wrong_is_found(soak, written, harm, found):
    uri, run_id = written
    harm(connect().client, run_id)
    (sentence,) = soak.missing(uri, soak.Size(1, 1, 3))
    assert found in sentence


def test_another_value_is_found(soak, written, monkeypatch):
    """Where an epoch's metrics should have been others."""
    uri, _ = written
    metrics_of = soak.metrics_of
    monkeypatch.setattr(soak, "metrics_of", lambda *which: {**metrics_of(*which), "accuracy": 0.5})
    (sentence,) = soak.missing(uri, soak.Size(1, 1, 3))
    assert "accuracy has 3 values at 3 steps, not each of 3 as logged" in sentence


def test_missing_system_metrics_are_found(soak, written):
    """None of them was sampled: a sentence for each."""
    uri, _ = written
    with contextlib.closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as store, store:
        for table in ("metrics", "latest_metrics"):
            store.execute(f"DELETE FROM {table} WHERE key LIKE 'system/%'")  # noqa: S608 - our own words
    found = soak.missing(uri, soak.Size(1, 1, 3))
    assert "run 0 0: system/cpu_utilization_percentage has the steps []" in found
    assert len(found) == len(soak.sampled()) == 8


def test_what_grows_is_found(soak):
    """Memory, open files, threads and connections beyond their bounds, from the first quarter to the last."""
    size = soak.Size(writers=4, runs=8, epochs=1000)
    stock = soak.Stock(100.0, 10, 5, 2)
    within = soak.Stock(129.0, 11, 6, 3)
    assert soak.grown({"writer 0": [stock, replace(stock, files=99), within]}, size) == []
    last = soak.Stock(131.0, 12, 7, 4)
    assert soak.grown({"writer 0": [stock, last]}, size) == [
        "writer 0: memory grew from 100 to 131 MB",
        "writer 0: files grew from 10 to 12",
        "writer 0: threads grew from 5 to 7",
        "writer 0: connections grew from 2 to 4",
    ]
    assert soak.grown({"server's process 0": [stock, replace(last, memory_MB=100.0)]}, size) == []
    assert soak.grown({"server's process 0": [stock, replace(stock, threads=10)]}, size) == [
        "server's process 0: threads grew from 5 to 10"
    ]


@pytest.mark.parametrize("runs", [4, 8, 100])
def test_a_leak_is_found_however_many_runs_there_are(soak, runs):
    """Ten megabytes a run of a writer, after the first quarter."""
    size = soak.Size(writers=4, runs=runs, epochs=50)
    first = soak.Stock(100.0, 10, 5, 2)
    last = replace(first, memory_MB=100.0 + 10 * size.later_runs)
    assert soak.grown({"writer 0": [first, last]}, size) == [
        f"writer 0: memory grew from 100 to {last.memory_MB:.0f} MB"
    ]


@pytest.mark.slow
def test_a_short_soak_finds_nothing(tmp_path, benchmarks):
    """Four processes, sixteen runs, a real server: everything is there once, and nothing has grown."""
    command = [sys.executable, benchmarks / "soak.py", "--quick", "--json", tmp_path / "soak.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = json.loads((tmp_path / "soak.json").read_text())["stores"].values()
    assert result["problems"] == []
    assert len([name for name in result["stocks"] if name.startswith("writer")]) == 4
    assert all(len(counted) == 4 for counted in result["stocks"].values())


@pytest.mark.slow
@pytest.mark.system
def test_a_short_soak_on_postgresql(tmp_path, benchmarks):
    command = [sys.executable, benchmarks / "soak.py", "--quick", "--stores", "postgresql"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
