"""Many runs: the copies are what the package's own runs are, and every question is answered."""

import json
import subprocess
import sys
import time

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
    """With its times and what the memory grew by, which is within its limits; times are the machine's."""
    from many_runs import beyond

    command = [
        sys.executable,
        benchmarks / "many_runs.py",
        "--runs",
        "300",
        "--stores",
        "sqlite",
        "--no-limits",
    ]
    done = subprocess.run(
        [*command, "--json", tmp_path / "many.json"], capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answers = json.loads((tmp_path / "many.json").read_text())["stores"]["sqlite"]
    assert {"the best training", "promote", "compare, 20 runs", "compare, all"} <= answers.keys()
    assert all(found["processor"] > 0 and 0 < found["best"] <= found["worst"] for found in answers.values())
    assert [problem for name, found in answers.items() for problem in beyond(name, {**found, "best": 0.0})] == []


@pytest.mark.parametrize(
    ("name", "best", "grew", "beyond"),
    [
        ("promote", 1.9, 19.0, []),
        ("promote", 2.1, 0.0, ["promote: took 2.10 s at best; expected at most 2"]),
        ("promotions", 0.1, 21.0, ["promotions: memory grew by 21 MB; expected at most 20"]),
        ("compare, 20 runs", 1.0, 54.0, []),
        ("compare, 20 runs", 2.5, 70.0, ["took 2.50 s at best", "grew by 70 MB; expected at most 60"]),
        ("compare, the latest 500", 7.0, 21.0, ["grew by 21 MB"]),
        ("compare, a sweep's 200 trials", 7.0, 0.0, []),
        ("compare, all", 60.0, 90.0, []),
    ],
)
def test_what_is_beyond_its_limits_is_said(name, best, grew, beyond):
    """The larger comparisons take their time, the first one its memory, and nothing else does."""
    import many_runs

    found = many_runs.beyond(name, {"best": best, "grew_by_MB": grew})
    assert len(found) == len(beyond)
    assert all(part in sentence for part, sentence in zip(beyond, found, strict=True))


def test_the_limits_are_those_of_questions_that_are_asked(local_store):
    import many_runs

    asked = many_runs.questions(many_runs.Filled(sweep="", some=(), runs=0, trainings=0))
    assert {*many_runs.WHOLE, *many_runs.LIMITS_SECONDS, *many_runs.LIMITS_MB} < set(asked)


def test_an_answer_beyond_its_limits_ends_with_status_1(tmp_path, monkeypatch):
    """With the result written, and the table shown."""
    import many_runs

    filled = many_runs.Filled(sweep="", some=(), runs=300, trainings=0)
    monkeypatch.setattr(many_runs, "fill", lambda *_: filled)
    monkeypatch.setattr(many_runs, "questions", lambda _: {"promote": lambda: time.sleep(0.01)})
    monkeypatch.setattr(many_runs, "LIMIT_SECONDS", 0.001)
    monkeypatch.setattr(sys, "argv", ["many_runs.py", "--stores", "sqlite", "--json", str(tmp_path / "many.json")])
    with pytest.raises(SystemExit, match=r"^error: not within the limits:\nsqlite: promote: took 0\.\d\d s at best"):
        many_runs.main()
    assert json.loads((tmp_path / "many.json").read_text())["stores"]["sqlite"].keys() == {"promote"}
