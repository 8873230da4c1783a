"""One trial of a search, with a listener that stands where the search would."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from beauty_mlflow.data.splits.manifest import read_split, write_split
from beauty_mlflow.errors import Interrupted, ParameterError, PrunedError, TrackingError, UnreachableError
from beauty_mlflow.files import state_folder
from beauty_mlflow.jobs.sessions import _adopt
from beauty_mlflow.jobs.trial import _complete, _with_state, run_trial
from beauty_mlflow.jobs.trial_elsewhere import run_trial_elsewhere, with_manifest
from beauty_mlflow.processes import Process
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.finding import child_runs
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

pytestmark = pytest.mark.slow
ELSEWHERE = asdict(replace(Process.this(), host="elsewhere"))


class Search:
    """What a search answers, and what it was told in turn."""

    def __init__(self, *, prunes_at=None, interrupts_at=None, keeps=True):
        self.prunes_at, self.interrupts_at, self.keeps = prunes_at, interrupts_at, keeps
        self.runs, self.epochs, self.figures = [], {}, None

    def started(self, run):
        assert not self.epochs
        self.runs.append(run)

    def epoch(self, number, metrics):
        self.epochs[number] = metrics
        if number == self.interrupts_at:
            os.kill(os.getpid(), signal.SIGINT)
        return number != self.prunes_at

    def keeps_model(self, metrics):
        self.figures = metrics
        return self.keeps


@pytest.fixture
def parent(local_store):
    return Run.create(connect(), "the sweep")


@pytest.fixture
def task(parent, tiny):
    """Return a trial's content, with other parameters where given."""

    def make(number=0, continues="", **changes):
        return {
            "job": "finetune",
            "parameters": {**tiny, "epochs": "3", **changes},
            "name": f"trial {number}",
            "tags": {
                names.PARENT: parent.run_id,
                names.STUDY: "a study",
                names.TRIAL_NUMBER: str(number),
                names.TRIAL_STATE: "RUNNING",
            },
            "continues": continues,
            "store": connect().uri,
            "experiment": parent.experiment_id,
            "compared": asdict(Process.this()),
        }

    return make


def run_of(search):
    (run,) = search.runs
    return Run.find(connect(), run)


def state(run):
    return state_folder() / "runs" / run.run_id


def test_a_trial_to_its_end(task, parent):
    """The search hears of the run, of every epoch as it is logged, and gets all that it could be after."""
    search = Search()
    outcome = run_trial(task(precision_target="0.01"), search)
    run = run_of(search)
    assert outcome.end == "complete"
    assert "explorer" not in run.tags[names.DESCRIPTION]
    assert "calibration.threshold" in outcome.metrics
    assert set(names.OBJECTIVES) <= set(outcome.metrics)
    assert run.status == "FINISHED"
    assert run.tags[names.TRIAL_STATE] == "COMPLETE"
    assert [child.run_id for child in child_runs(connect(), parent)] == [run.run_id]
    assert {epoch: told["val_loss"] for epoch, told in search.epochs.items()} == run.metric_history("val_loss")
    assert outcome.metrics["best_val_loss"] == min(run.metric_history("val_loss").values())
    assert outcome.metrics["parameters_trainable"] == float(run.parameters()["parameters_trainable"])
    assert outcome.metrics["seconds"] == pytest.approx(sum(run.metric_history("epoch_seconds").values()))
    assert run.model_id()
    assert not state(run).exists()


def test_pictures_arent_compared_once_more(task, capsys):
    """The search has done so before its first trial; with many pictures that takes longer than a trial."""
    assert run_trial(task(epochs="1"), Search()).end == "complete"
    assert "Verifying" not in capsys.readouterr().err


def test_on_another_machine_pictures_are_compared(task, tiny, tmp_path):
    """Nobody else has seen those that lie there: where one has changed, nothing begins."""
    search = Search()
    split = read_split(Path(tiny["data"]), check_pictures=False)
    there = Path(shutil.copytree(split.folder, tmp_path / "there"))
    write_split(replace(split, folder=there), tmp_path / "there.csv")
    picture = there / split.table["path"][0]
    picture.write_bytes(picture.read_bytes() + b"\0")
    content = {**task(data=str(tmp_path / "there.csv")), "compared": ELSEWHERE}
    outcome = run_trial(content, search)
    assert (outcome.end, search.runs) == ("failed", [])
    assert f"1 of the {len(split.table)} pictures of {tmp_path / 'there.csv'} don't fit it" in outcome.reason


def test_another_machine_compares_its_pictures_once_a_search(task, tiny, capsys):
    """Until a trial has come to its end there; for the next search the pictures may be others again."""
    content = {**task(epochs="1"), **with_manifest(Path(tiny["data"]))}
    told = []
    for process in (1, 1, 2):
        compared = {**ELSEWHERE, "process": process}
        assert run_trial_elsewhere({**content, "compared": compared}, Search()).end == "complete"
        told.append("Verifying" in capsys.readouterr().err)
    assert told == [True, False, True]


def test_the_search_decides_on_the_model_by_the_final_figures(task):
    """It is asked with the very figures that it gets in the end; told no, no model is uploaded, nor what needs one."""
    search = Search(keeps=False)
    outcome = run_trial(task(figures="true"), search)
    assert {name: search.figures[name] for name in names.OBJECTIVES} == {
        name: outcome.metrics[name] for name in names.OBJECTIVES
    }
    assert outcome.end == "complete"
    run = run_of(search)
    assert run.models() == []
    logged = {Path(entry.path).name for entry in connect().client.list_artifacts(run.run_id, "evaluation/val")}
    assert {"predictions.csv", "confusion_matrix.png"} <= logged
    assert "figures/curves.png" in {entry.path for entry in connect().client.list_artifacts(run.run_id, "figures")}
    assert not logged & {"explorer.html", "gallery.png", "suspects.csv", "corrections.csv"}


def test_a_pruned_trial(task):
    """It ends after the epoch that the search didn't like: KILLED, with a tag, and without a state."""
    search = Search(prunes_at=2)
    assert run_trial(task(), search).end == "pruned"
    run = run_of(search)
    assert list(run.metric_history("val_loss")) == list(search.epochs) == [1, 2]
    assert run.status == "KILLED"
    assert run.tags[names.PRUNED] == "after epoch 2"
    assert run.tags[names.TRIAL_STATE] == "PRUNED"
    assert names.STATE not in run.tags
    assert not state(run).exists()


def test_a_failing_trial(task):
    """The reason is the outcome's and the run's; its state goes, since nobody goes on with it."""
    search = Search()
    outcome = run_trial(task(learning_rate="1e30"), search)
    run = run_of(search)
    assert outcome.end == "failed"
    assert "nan" in outcome.reason
    assert run.tags[names.ERROR] == outcome.reason
    assert run.status == "FAILED"
    assert run.tags[names.TRIAL_STATE] == "FAIL"
    assert not state(run).exists()


def test_an_interrupted_trial_is_gone_on_with(task, capsys):
    """Its run is KILLED and its state stays; the trial that repeats it has all epochs, and trains the missing ones."""
    whole = Search()
    run_trial(task(0), whole)
    search = Search(interrupts_at=2)
    assert run_trial(task(1), search).end == "interrupted"
    first = run_of(search)
    assert first.status == "KILLED"
    assert first.tags[names.TRIAL_STATE] == "FAIL"
    assert state(first).is_dir()

    capsys.readouterr()
    again = Search()
    assert run_trial(task(2, continues=first.run_id), again).end == "complete"
    second = run_of(again)
    printed = capsys.readouterr().err
    assert "epoch 3/3" in printed
    assert "epoch 2/3" not in printed
    assert list(again.epochs) == [1, 2, 3]
    assert second.run_id != first.run_id
    assert second.metric_history("val_loss") == pytest.approx(run_of(whole).metric_history("val_loss"), rel=1e-4)
    assert not state(first).exists()
    assert not state(second).exists()


def test_a_trial_whose_search_died_before_it_heard_of_the_end_is_not_run_again(task, parent):
    """The trial that repeats it has the same run, the same figures, and tells the same epochs."""
    first, again = Search(), Search()
    outcome = run_trial(task(), first)
    assert run_trial(task(number=1, continues=first.runs[0]), again) == outcome
    assert again.runs == first.runs
    assert {epoch: told["val_loss"] for epoch, told in again.epochs.items()} == run_of(first).metric_history("val_loss")
    assert [child.tags[names.TRIAL_NUMBER] for child in child_runs(connect(), parent)] == ["1"]


def test_a_confirming_run_that_had_come_to_its_end_is_not_run_again(task):
    """It belongs to no trial of the study, then or now."""
    content = task(epochs="1")
    tags = {names.PARENT: content["tags"][names.PARENT], names.CONFIRM: "0"}
    first, again = Search(), Search()
    outcome = run_trial({**content, "tags": tags}, first)
    assert run_trial({**content, "tags": tags, "continues": first.runs[0]}, again) == outcome
    assert again.runs == first.runs
    assert names.TRIAL_NUMBER not in run_of(again).tags


def test_a_state_that_is_gone_is_begun_anew(task):
    """What a dead machine has kept to itself is computed again."""
    search = Search()
    assert run_trial(task(continues="0" * 32), search).end == "complete"
    assert list(run_of(search).metric_history("val_loss")) == [1, 2, 3]


def test_only_a_run_that_is_deleted_is_begun_anew(faults):
    """One that the server doesn't show, or doesn't answer for, may have come to its end."""
    run = Run.create(connect(), "a trial", {names.TRIAL_STATE: "COMPLETE"})
    run.finish("FINISHED")
    assert _complete(run.run_id).run_id == run.run_id
    faults.only = lambda _, path: "runs/get" in path
    faults.status = 403
    with pytest.raises(TrackingError, match=f"Can't find the run {run.run_id}: .*403"):
        _complete(run.run_id)
    faults.status, faults.refuse = 0, True
    with pytest.raises(UnreachableError, match=f"Can't find the run {run.run_id}"):
        _complete(run.run_id)
    faults.heal()
    run.store.client.delete_run(run.run_id)
    assert _complete(run.run_id) is None


@pytest.mark.parametrize("end", [PrunedError("after epoch 2"), Interrupted(signal.SIGTERM), KeyboardInterrupt()])
@pytest.mark.parametrize("fault", [{"status": 403}, {"refuse": True}], ids=["refused", "silent"])
def test_tags_that_cannot_be_set_leave_a_trials_end_as_it_is(faults, capsys, end, fault):
    """It is pruned or interrupted all the same, and so tried again or not as the search thinks right."""
    run = Run.create(connect(), "a trial")

    def work(_):
        raise end

    vars(faults).update(fault)
    with pytest.raises(type(end)):
        _with_state(SimpleNamespace(run=run), work)
    assert f"the tags of the run {run.run_id} may not say how its trial has ended: Can't" in capsys.readouterr().err


def test_an_earlier_run_of_the_same_trial_is_closed(task, parent):
    """Where a whole machine died and its task came back, nothing of it stays RUNNING; other trials' runs do."""
    store = connect()
    dead = Run.create(store, "trial 0", task(0)["tags"])
    other = Run.create(store, "trial 1", task(1)["tags"])
    run_trial(task(0, epochs="1"), Search())
    assert dead.status == "FAILED"
    assert dead.tags[names.ERROR] == "its worker died"
    assert dead.tags[names.TRIAL_STATE] == "FAIL"
    assert other.status == "RUNNING"


def test_of_the_runs_that_confirm_a_trial_only_its_own_earlier_one_is_closed(task, parent):
    """The others are at work on other seeds."""
    store = connect()
    tags = {names.PARENT: parent.run_id, names.CONFIRM: "0"}
    dead, other = (Run.create(store, f"confirm 0, seed {seed}", tags) for seed in (1, 2))
    content = {**task(continues=dead.run_id, epochs="1"), "tags": tags}
    assert run_trial(content, Search()).end == "complete"
    assert (dead.status, other.status) == ("FAILED", "RUNNING")


def test_a_parameter_that_cannot_be(task):
    """Nothing begins: no run is made."""
    search = Search()
    with pytest.raises(ParameterError, match="epochs"):
        run_trial(task(epochs="none"), search)
    assert search.runs == []


def test_in_a_process_of_its_own(task):
    """Its lines are messages alone, whatever libraries print; when the search goes away, it ends its run as KILLED."""
    with subprocess.Popen(
        [sys.executable, "-m", "beauty_mlflow.jobs.trial"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    ) as process:
        process.stdin.write(json.dumps(task(epochs="500", patience="500")) + "\n")
        process.stdin.flush()
        run = Run.find(connect(), json.loads(process.stdout.readline())["started"])
        for epoch in (1, 2):
            assert json.loads(process.stdout.readline())["epoch"][0] == epoch
            process.stdin.write("true\n")
            process.stdin.flush()
        process.stdin.close()
        process.stdout.read()
        said = process.stderr.read()
        process.wait()
    assert run.status == "KILLED"
    assert 2 <= max(run.metric_history("val_loss")) < 500
    assert state(run).is_dir()
    assert "interrupted" in said
    assert "Traceback" not in said


def test_a_state_is_taken_over_only_when_its_process_has_let_go(tmp_path):
    """A process that lost its search may still write its checkpoint for some seconds."""
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    (before / "checkpoint.npz").write_bytes(b"half")
    with (before / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        taking = threading.Thread(target=_adopt, args=(before, after))
        taking.start()
        taking.join(0.5)
        assert taking.is_alive()
        (before / "checkpoint.npz").write_bytes(b"whole")
    taking.join()
    assert (after / "checkpoint.npz").read_bytes() == b"whole"
    assert not before.exists()
