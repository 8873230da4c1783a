"""A trial without a network: it speaks with the search as a real one does. ``python -m`` runs it.

What it does stands in its task: it reports ``epochs`` one after the other as val_accuracy, ``pause`` seconds apart, and
ends with ``metrics``. ``end`` is what else it does: kill itself (``killed``, ``aborted``), exit with a status
(``status``), fail, or ``hang`` (for ever, or until it is interrupted, as ``deaf`` not even then), ``chatter`` (print
what is no message).
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from beauty_mlflow.errors import Interrupted
from beauty_mlflow.search.executors.base import Outcome
from beauty_mlflow.search.executors.pipe import PipeListener


def interrupt(number, frame):
    raise Interrupted(number)


def work(content, listener):
    listener.started(content.get("run", "some run"))
    for number, value in enumerate(content.get("epochs", []), start=1):
        time.sleep(content.get("pause", 0))
        if not listener.epoch(number, {"val_accuracy": value}):
            return Outcome("pruned")
    end = content.get("end", "complete")
    if end in ("killed", "aborted"):
        os.kill(os.getpid(), signal.SIGKILL if end == "killed" else signal.SIGABRT)
    if end == "status":
        os._exit(3)
    if end == "chatter":
        os.write(1, b"a library says something\n[1, 2]\n")
    if end in ("hang", "deaf"):
        Path(content["hangs"]).write_text(str(os.getpid()))
        time.sleep(3600)
    if end == "failed":
        return Outcome("failed", reason=content["reason"])
    metrics = content.get("metrics", {"best_val_accuracy": max(content.get("epochs", [0.5]))})
    listener.keeps_model(metrics)
    if "environment" in content:
        Path(content["environment"]).write_text(
            json.dumps({"cores": sorted(os.sched_getaffinity(0)), "variables": dict(os.environ)})
        )
    return Outcome("complete", metrics)


def main():
    content = json.loads(sys.stdin.readline())
    signal.signal(signal.SIGTERM, signal.SIG_IGN if content.get("end") == "deaf" else interrupt)
    listener = PipeListener(sys.stdout, sys.stdin)
    try:
        outcome = work(content, listener)
    except Interrupted:
        outcome = Outcome("interrupted")
    sys.stderr.write(f"it ends: {outcome.end}\n")
    try:
        listener.ended(outcome)
    except BrokenPipeError:
        sys.stderr.write("the search is gone\n")


main()
