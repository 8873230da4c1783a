"""Trials as processes of this machine: how they end, what they get of it, and that nothing is left of them."""

import gc
import json
import os
import signal
import threading
from pathlib import Path

import psutil
import pytest
from waiting import until

from beauty_mlflow.search.executors import local
from beauty_mlflow.search.executors.base import Outcome, Task
from beauty_mlflow.search.executors.local import LocalExecutor

TWO_CORES = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")


class GoesOn:
    """Answers yes, and keeps the runs."""

    def __init__(self, *, answer=True):
        self.runs, self.answer = [], answer

    def started(self, run):
        self.runs.append(run)

    def epoch(self, number, metrics):
        del number, metrics
        return self.answer

    def keeps_model(self, metrics):
        del metrics
        return True


@pytest.fixture
def executor(tmp_path, light_trials):
    return LocalExecutor("light_trial", slots=2, logs=tmp_path / "logs")


@pytest.fixture
def hangs(tmp_path):
    """The task of a trial that hangs, and a function that waits for it to do so and returns its process."""
    path = tmp_path / "hangs"

    def process():
        return psutil.Process(int(until(lambda: path.exists() and path.read_text(), seconds=120)))

    return Task(7, {"end": "hang", "hangs": str(path)}), process


def in_thread(executor, task, slot=0):
    """Run a task in a thread; return where its outcome will be, and the thread."""
    found = []
    thread = threading.Thread(target=lambda: found.append(executor.run(task, GoesOn(), slot)))
    thread.start()
    return found, thread


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def trials_at_work():
    return [one for one in psutil.Process().children() if {"light_trial", "stays"} & set(one.cmdline())]


def test_a_trial_completes(executor):
    """Its figures arrive, and what it printed is in its log, beside what it printed before."""
    listener = GoesOn()
    task = Task(3, {"epochs": [0.25, 0.5], "end": "chatter", "run": "its run"})
    for _ in range(2):
        assert executor.run(task, listener, 0) == Outcome("complete", {"best_val_accuracy": 0.5})
    assert listener.runs == ["its run"] * 2
    assert executor.log(3).read_text() == "it ends: complete\n" * 2


def test_each_part_of_a_trial_has_a_log_of_its_own(executor):
    """What several processes print at a time doesn't mix."""
    for part in ("seed-1", "seed-2"):
        executor.run(Task(3, {}, part), GoesOn(), 0)
    assert {path.name for path in executor.log(3).parent.iterdir()} == {
        "trial-00003-seed-1.log",
        "trial-00003-seed-2.log",
    }


def test_a_trial_is_pruned(executor):
    assert executor.run(Task(0, {"epochs": [0.25]}), GoesOn(answer=False), 1) == Outcome("pruned")


def test_a_trial_fails(executor):
    assert executor.run(Task(0, {"end": "failed", "reason": "so it goes"}), GoesOn(), 0).reason == "so it goes"


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("killed", "was killed by SIGKILL; out of memory?"),
        ("aborted", "was killed by SIGABRT; out of memory?"),
        ("status", "ended with status 3"),
    ],
)
def test_a_trial_dies(end, reason, executor):
    """Where its last words are is said."""
    outcome = executor.run(Task(5, {"end": end}), GoesOn(), 0)
    assert outcome == Outcome("died", reason=f"its process {reason} (see {executor.log(5)})")


def test_a_module_that_isn_t_there_has_died(executor, tmp_path):
    """Python says why in the log."""
    executor = LocalExecutor("no_such_module", slots=1, logs=tmp_path)
    assert executor.run(Task(0, {}), GoesOn(), 0).end == "died"
    assert "No module named no_such_module" in executor.log(0).read_text()


def test_a_process_that_can_t_be_started_has_died(tmp_path):
    """The search goes on, or ends with so many failures."""
    (tmp_path / "logs").write_text("a file")
    outcome = LocalExecutor("light_trial", slots=1, logs=tmp_path / "logs").run(Task(0, {}), GoesOn(), 0)
    assert outcome.end == "died"
    assert outcome.reason.startswith("its process can't be started: ")


def test_stopping_interrupts_what_runs(executor, hangs):
    """Each trial says so itself; afterwards none is started."""
    task, process = hangs
    found, thread = in_thread(executor, task)
    child = process()
    executor.stop()
    thread.join()
    assert found == [Outcome("interrupted")]
    assert executor.log(7).read_text() == "it ends: interrupted\n"
    assert not child.is_running()
    assert executor.run(Task(8, {}), GoesOn(), 0) == Outcome("interrupted")
    assert not executor.log(8).exists() or executor.log(8).read_text() == ""


def test_what_doesn_t_stop_is_killed(executor, hangs, monkeypatch):
    monkeypatch.setattr(local, "_GRACE", 0.5)
    task, process = hangs
    found, thread = in_thread(executor, Task(7, {**task.content, "end": "deaf"}))
    child = process()
    executor.stop()
    thread.join()
    assert found == [Outcome("interrupted")]
    assert not child.is_running()


def test_a_trial_that_ended_but_stays_is_killed(tmp_path, monkeypatch, light_trials):
    """A library's threads may keep a process alive for ever; its outcome is known."""
    monkeypatch.setattr(local, "_GRACE", 0.5)
    (tmp_path / "stays.py").write_text(
        "import threading, time, runpy\n"
        "threading.Thread(target=time.sleep, args=(3600,)).start()\n"
        "runpy.run_module('light_trial')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    executor = LocalExecutor("stays", slots=1, logs=tmp_path)
    assert executor.run(Task(0, {}), GoesOn(), 0) == Outcome("complete", {"best_val_accuracy": 0.5})
    assert trials_at_work() == []


def test_an_error_in_answering_ends_the_trial(executor, hangs):
    """The storage is gone, say: the process doesn't outlive what nobody follows."""

    class BrokenError(Exception):
        pass

    class Breaks(GoesOn):
        def epoch(self, number, metrics):
            del number, metrics
            raise BrokenError

    with pytest.raises(BrokenError):
        executor.run(Task(0, {"epochs": [0.5], "pause": 0, "end": "hang", "hangs": "nowhere"}), Breaks(), 0)
    assert trials_at_work() == []


def test_nothing_is_left(executor):
    """No process, thread or open file, however trials end."""
    gc.collect()
    before = open_files(), threading.active_count()
    for end in ("complete", "killed", "status"):
        executor.run(Task(0, {"end": end}), GoesOn(), 0)
    assert (open_files(), threading.active_count()) == before
    assert trials_at_work() == []
    assert executor._processes == set()


def test_a_killed_search_s_trial_ends(executor, hangs, tmp_path):
    """It hears that nobody listens any more."""
    task, process = hangs
    script = (
        "import sys, json, pathlib, threading\n"
        "sys.path.append(sys.argv[1])\n"
        "from beauty_mlflow.search.executors.local import LocalExecutor\n"
        "from beauty_mlflow.search.executors.base import Task\n"
        "class GoesOn:\n"
        "    def started(self, run): pass\n"
        "LocalExecutor('light_trial', slots=1, logs=pathlib.Path(sys.argv[2])).run(\n"
        "    Task(7, json.loads(sys.argv[3])), GoesOn(), 0)\n"
    )
    command = [local.sys.executable, "-c", script, os.environ["PYTHONPATH"], str(tmp_path), json.dumps(task.content)]
    search = psutil.Popen(command)
    child = process()
    search.send_signal(signal.SIGKILL)
    search.wait()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, seconds=120)
    until(lambda: "the search is gone" in (tmp_path / "trial-00007.log").read_text(), seconds=120)


@pytest.fixture
def seen(tmp_path, light_trials):
    """Run a trial in a slot, and return what it sees of the machine."""

    def call(slots, slot, **options):
        path = tmp_path / f"seen-{slots}-{slot}"
        executor = LocalExecutor("light_trial", slots=slots, logs=tmp_path, **options)
        assert executor.run(Task(slot, {"environment": str(path)}), GoesOn(), slot).end == "complete"
        return json.loads(path.read_text())

    return call


@TWO_CORES
def test_trials_share_the_cores(seen):
    """Each its own where there are enough; this process keeps all of them."""
    cores = os.sched_getaffinity(0)
    first, second = seen(2, 0)["cores"], seen(2, 1)["cores"]
    assert set(first) | set(second) == cores
    assert set(first) & set(second) == set()
    assert abs(len(first) - len(second)) <= 1
    assert os.sched_getaffinity(0) == cores


def test_more_trials_than_cores_get_one_each(seen):
    slots = len(os.sched_getaffinity(0)) + 1
    assert seen(slots, slots - 1)["cores"] == seen(slots, 0)["cores"] == [min(os.sched_getaffinity(0))]


@pytest.mark.parametrize(("gpus", "shares"), [(["0", "1", "GPU-2"], ["0,GPU-2", "1"]), (["GPU-1"], ["GPU-1", "GPU-1"])])
def test_trials_share_the_gpus(gpus, shares, seen):
    """By name; where there are too few, two have the same one, and neither takes all of its memory."""
    for slot, share in enumerate(shares):
        variables = seen(2, slot, gpus=gpus)["variables"]
        assert variables["CUDA_VISIBLE_DEVICES"] == share
        assert variables["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


def test_without_gpus_their_variable_is_left_alone(seen, monkeypatch):
    """As is the run that `mlflow run` has made for the sweep: the trials have runs of their own."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setenv("MLFLOW_RUN_ID", "the sweep's")
    variables = seen(1, 0)["variables"]
    assert variables["CUDA_VISIBLE_DEVICES"] == "-1"
    assert "MLFLOW_RUN_ID" not in variables
