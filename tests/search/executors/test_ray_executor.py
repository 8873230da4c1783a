import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import until

from beauty_mlflow.errors import SweepError
from beauty_mlflow.search.executors.base import Task

HERE = Path(__file__).parent


def task(number=0, **content):
    return Task(number, {"name": f"trial {number}", "continues": "", "number": number, **content})


@pytest.mark.slow
def test_a_trial_completes_with_what_it_was_told_and_what_all_share(executor, work, asked):
    listener = asked(keeps=False)
    with executor(work.complete, common={"common": 7}) as ray:
        outcome = ray.run(task(3), listener, 0)
        again = ray.run(task(4), asked(), 0)
    assert (outcome.end, outcome.metrics["kept"], outcome.metrics["common"]) == ("complete", 0, 7)
    assert listener.runs == ["run of trial 3"]
    assert again.metrics["kept"] == 1
    assert again.metrics["process"] != outcome.metrics["process"], "a trial's memory ends with its process"


@pytest.mark.slow
def test_a_trial_is_pruned_at_the_epoch_that_the_driver_says(executor, work, asked):
    listener = asked(lambda number, _: number < 3)
    outcome = executor(work.pruned).run(task(), listener, 0)
    assert (outcome.end, outcome.metrics) == ("pruned", {"epochs": 2})
    assert listener.epochs == [(number, {"val_accuracy": 0.1}) for number in (1, 2, 3)]


@pytest.mark.slow
def test_a_failure_carries_its_reason(executor, work, asked):
    """Both what the work says itself and what it didn't expect."""
    with executor(work.failed) as ray:
        outcome = ray.run(task(), asked(), 0)
    assert (outcome.end, outcome.reason) == ("failed", "it doesn't fit")
    outcome = executor(work.raising).run(task(), asked(), 0)
    assert (outcome.end, outcome.reason) == ("failed", "ValueError: a value that can't be")


@pytest.mark.slow
def test_questions_and_answers_of_many_tasks_do_not_mix(executor, work, asked, slots):
    """Several times the same trial, too, as when it is confirmed on several seeds."""
    ray = executor(work.echo)
    numbers = [0, 1, 2, 3, 3, 3]
    listeners = [asked(lambda _, metrics, own=number: metrics["of"] == own) for number in numbers]
    running = [slots.submit(ray.run, task(number), one, 0) for number, one in zip(numbers, listeners, strict=True)]
    assert [one.result().metrics["own"] for one in running] == [40] * len(numbers)
    assert [len(one.epochs) for one in listeners] == [40] * len(numbers)


@pytest.mark.slow
def test_a_trial_whose_process_dies_is_begun_again_from_its_run_until_retries_are_used_up(
    executor, work, asked, tmp_path
):
    listener = asked()
    outcome = executor(work.vanishing, retries=2).run(task(folder=str(tmp_path)), listener, 0)
    assert outcome.end == "died"
    assert "died" in outcome.reason
    assert listener.runs == ["+", "++", "+++"], "each attempt goes on with the run of the one before"
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.slow
def test_stopping_interrupts_what_runs_and_starts_nothing_more(executor, work, asked, slots, tmp_path):
    """Those that wait for a core are interrupted, too."""
    ray = executor(work.stubborn)
    folders = [tmp_path / str(number) for number in range(3)]
    for folder in folders:
        folder.mkdir()
    running = [slots.submit(ray.run, task(folder=str(folder)), asked(), 0) for folder in folders]
    until(lambda: sum((folder / "begun").exists() for folder in folders) == 2, seconds=240)
    ray.stop()
    assert [one.result().end for one in running] == ["interrupted"] * 3
    begun = [(folder / "begun").exists() for folder in folders]  # the third, too, if a core was free for a moment
    assert [(folder / "closed").exists() for folder in folders] == begun
    assert ray.run(task(folder=str(tmp_path)), asked(), 0).end == "interrupted"
    assert not (tmp_path / "begun").exists()


@pytest.mark.slow
def test_a_node_that_is_killed_loses_no_trial(cluster, executor, work, asked, slots, tmp_path, small_node):
    """The trial is begun again on another node, and goes on from the run that it had told."""
    node = cluster.add_node(**small_node)
    cluster.wait_for_nodes()
    ray = executor(work.until_told, slots=3)
    listeners = [asked() for _ in range(3)]
    tasks = [task(number, folder=str(tmp_path)) for number in range(3)]
    running = [slots.submit(ray.run, one, listener, 0) for one, listener in zip(tasks, listeners, strict=True)]
    first = [listener.wait_for_runs(1)[0] for listener in listeners]
    (victim,) = [number for number in range(3) if node.node_id in first[number]]
    cluster.remove_node(node, allow_graceful=False)
    for number in {0, 1, 2} - {victim}:
        (tmp_path / f"end {number}").touch()
    second = listeners[victim].wait_for_runs(2)[1]
    assert not second.startswith(f"trial {victim} on {node.node_id}")
    assert f"after [{first[victim]}]" in second
    (tmp_path / f"end {victim}").touch()
    outcomes = [one.result() for one in running]
    assert [outcome.end for outcome in outcomes] == ["complete"] * 3
    assert [bool(outcome.metrics["continued"]) for outcome in outcomes] == [number == victim for number in range(3)]
    cluster.wait_for_nodes(timeout=240)  # until the cluster has noticed, too; other tests count its cores


@pytest.mark.slow
def test_a_trial_runs_where_what_it_reuses_was_made_unless_that_node_is_busy_or_gone(
    cluster, executor, work, asked, slots, tmp_path, small_node
):
    cluster.add_node(**small_node)
    cluster.wait_for_nodes()
    ray = executor(work.trained, slots=3)
    running = {}

    def begin(number, reuses):
        content, listener = task(number, folder=str(tmp_path)).content, asked()
        running[number] = slots.submit(ray.run, Task(number, content, reuses=reuses), listener, 0)
        return listener.wait_for_runs(1)[0]

    def end(*numbers):
        for number in numbers:
            (tmp_path / f"end {number}").touch()
            assert running.pop(number).result().end == "complete"

    that, this = begin(0, "that"), begin(1, "this")  # Ray alone would begin with the same node each time
    assert that != this
    end(0, 1)
    for number, reuses, expected in ((2, "this", this), (3, "that", that), (4, "this", this)):
        assert begin(number, reuses) == expected
        end(number)
    assert begin(5, "this") == this
    assert begin(6, "this") != this, "it doesn't wait for the node"
    end(5, 6)
    cluster.remove_node(next(node for node in cluster.worker_nodes if node.node_id == this), allow_graceful=False)
    assert begin(7, "this") != this
    end(7)
    cluster.wait_for_nodes(timeout=240)


@pytest.mark.slow
def test_trials_that_share_a_gpu_take_its_memory_as_they_need_it(cluster, executor, work, asked, small_node):
    """TensorFlow would else take all of it for the first one. Without a GPU nothing is said of it."""
    with executor(work.growing) as ray:
        assert ray.run(task(), asked(), 0).metrics == {"grows": 0}
    node = cluster.add_node(**{**small_node, "num_cpus": 2}, num_gpus=1)
    cluster.wait_for_nodes()
    with executor(work.growing) as ray:
        assert ray.run(task(), asked(), 0).metrics == {"grows": 1}
    cluster.remove_node(node)
    cluster.wait_for_nodes(timeout=240)


@pytest.mark.slow
def test_nodes_of_one_machine_are_one_machine(executor, work):
    """What is a file of it, all of them have."""
    assert list(executor(work.complete).machines) == [socket.gethostname()]


@pytest.mark.slow
def test_more_workers_than_cores_is_an_error(executor, work):
    with pytest.raises(SweepError, match="has 2 cores for 3 workers; give fewer workers"):
        executor(work.complete, slots=3)


LOCAL = """
import json, signal, sys
import psutil
from beauty_mlflow.search.executors.base import Task
from beauty_mlflow.search.executors.ray.executor import RayExecutor
import ray_work

def ours(number, frame): ...
signal.signal(signal.SIGTERM, ours)

class Nobody:
    def started(self, run): ...
    def keeps_model(self, metrics): return True

with RayExecutor(ray_work.complete, slots=1, common={"common": 1}) as executor:
    during = psutil.Process().children(recursive=True)
    outcome = executor.run(Task(0, {"name": "x"}), Nobody(), 0)
    kept_handler = signal.getsignal(signal.SIGTERM) is ours
_, left = psutil.wait_procs(during, timeout=60)
kept_handler = kept_handler and signal.getsignal(signal.SIGTERM) is ours
print(json.dumps([outcome.end, len(during) > 1, [str(one) for one in left], kept_handler]))
"""


@pytest.mark.slow
def test_a_cluster_that_was_started_here_ends_quietly_with_its_last_process(monkeypatch):
    """It also leaves what a signal does: the command line closes its runs at SIGTERM, Ray would just end."""
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    done = subprocess.run(
        [sys.executable, "-c", LOCAL], env=environment, capture_output=True, text=True, check=False, cwd=HERE
    )
    assert (done.stdout.strip(), done.stderr) == ('["complete", true, [], true]', "")
