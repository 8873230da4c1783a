"""Many runs: the copies are what the package's own runs are, and every question is answered."""

import json
import subprocess
import sys

import pytest

from beauty_mlflow.tracking.finding import best_trained, child_runs, experiments, find_runs
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect
from beauty_mlflow.tracking.trainings import find_trainings


@pytest.mark.slow
def test_copies_are_like_their_originals(local_store):
    """Each has all that its original has, with figures and a model of its own; none counts as something else."""
    from many_runs_store import TRIALS, fill

    filled = fill(local_store, local_store, 300)
    store = connect()
    runs = list(find_runs(store, experiments(store), {}))
    assert len(runs) == filled.runs == 300
    found = find_trainings(store, [], experiments(store))
    assert len(found.trainings) == filled.trainings
    assert len(child_runs(store, Run(store, filled.sweep))) == TRIALS
    by_id = {run.info.run_id: run for run in runs}
    original, *copies = (by_id[one.run.run_id] for one in found.trainings if len(one.run.models()) == 1)
    assert len(copies) == filled.trainings - 1
    for copy in copies:
        assert copy.data.params.keys() == original.data.params.keys()
        assert copy.data.metrics.keys() == original.data.metrics.keys()
        assert {one.dataset.name for one in copy.inputs.dataset_inputs} == {"boxes/train", "boxes/val", "boxes/test"}
        assert copy.outputs.model_outputs[0].model_id == Run(store, copy.info.run_id).model_id()
    assert len({run.data.metrics["best_val_accuracy"] for run in copies}) > 90
    assert best_trained(store, experiments(store)).metrics()["best_val_accuracy"] == 0.8


@pytest.mark.slow
def test_every_question_is_answered(tmp_path, benchmarks):
    """With its times and what the memory grew by."""
    command = [sys.executable, benchmarks / "many_runs.py", "--runs", "300", "--stores", "sqlite", "--turns", "1"]
    subprocess.run([*command, "--json", tmp_path / "many.json"], check=True, timeout=500)
    answers = json.loads((tmp_path / "many.json").read_text())["stores"]["sqlite"]
    assert {"the best training", "promote", "compare, 20 runs", "compare, all"} <= answers.keys()
    assert all(found["processor"] > 0 and 0 < found["best"] <= found["worst"] for found in answers.values())
