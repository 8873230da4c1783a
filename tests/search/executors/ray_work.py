"""What the Ray tests' tasks do; imported by name on every node. A marker file tells that a task has got so far."""

import os
import time
from pathlib import Path

import ray

from beauty_mlflow.search.executors.base import Outcome


def complete(content, listener):
    listener.started(f"run of {content['name']}")
    kept = listener.keeps_model({"best_val_accuracy": 0.5})
    return Outcome("complete", {"kept": float(kept), "common": content["common"], "process": os.getpid()})


def pruned(content, listener):
    epochs = 0
    while listener.epoch(epochs + 1, {"val_accuracy": 0.1}):
        epochs += 1
    return Outcome("pruned", {"epochs": epochs})


def failed(content, listener):
    return Outcome("failed", reason="it doesn't fit")


def raising(content, listener):
    message = "a value\nthat can't be"
    raise ValueError(message)


def vanishing(content, listener):
    """Dies at every attempt, after it has told its run."""
    attempt = content["continues"].count("+") + 1
    listener.started(content["continues"] + "+")
    (Path(content["folder"]) / f"attempt-{attempt}").touch()
    os._exit(1)


def echo(content, listener):
    """Asks many questions, each with the task's own number in it; counts the answers that were meant for it."""
    own = sum(listener.epoch(number, {"of": content["number"]}) for number in range(40))
    return Outcome("complete", {"own": own})


def stubborn(content, listener):
    """Works until it is interrupted, and closes what it has begun."""
    folder = Path(content["folder"])
    (folder / "begun").touch()
    try:
        _work_for_ever()
    except KeyboardInterrupt:
        (folder / "closed").touch()
        return Outcome("interrupted")


def until_told(content, listener):
    """Tells the node that it works on, and what it goes on with; then works until the test lets it end."""
    folder = Path(content["folder"])
    node = ray.get_runtime_context().get_node_id()
    listener.started(f"{content['name']} on {node}, after [{content['continues']}]")
    while not (folder / f"end {content['number']}").exists():
        time.sleep(0.05)
    return Outcome("complete", {"continued": float(bool(content["continues"]))})


def trained(content, listener):
    """Works through an epoch, tells the node that it works on, and goes on until the test lets it end."""
    listener.epoch(1, {"val_accuracy": 0.5})
    listener.started(ray.get_runtime_context().get_node_id())
    while not (Path(content["folder"]) / f"end {content['number']}").exists():
        time.sleep(0.05)
    return Outcome("complete")


def growing(content, listener):
    return Outcome("complete", {"grows": float(os.environ.get("TF_FORCE_GPU_ALLOW_GROWTH") == "true")})


def _work_for_ever():
    while True:
        time.sleep(0.05)
