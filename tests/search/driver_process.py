"""A process that works on a study with trials that are processes themselves. Usage: driver_process.py SETTINGS (JSON).

``storage``, ``trials``, ``slots``, ``retries``, ``heartbeat``, ``grace``, ``folder`` (for logs and books), ``task``
(what light_trial is given), ``host`` (what it takes itself to be, if anything else). It says ``ready`` and waits for a
line where ``waits`` is set, and ``done`` when the study is.
"""

import json
import signal
import sys
from pathlib import Path

from light_search import Books, open_for, sweep_of

from beauty_mlflow import processes
from beauty_mlflow.errors import Interrupted, SearchError
from beauty_mlflow.search import attempts
from beauty_mlflow.search.driver import Driver
from beauty_mlflow.search.executors.base import Task
from beauty_mlflow.search.executors.local import LocalExecutor
from beauty_mlflow.search.storages import open_storage


def say(word):
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def interrupt(number, frame):
    raise Interrupted(number)


def main():
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit that it is ignored
    settings = json.loads(sys.argv[1])
    folder = Path(settings["folder"])
    if settings.get("host"):
        processes.this_host = attempts.this_host = lambda: settings["host"]
    if settings.get("waits"):
        say("ready")
        sys.stdin.readline()
    options = {name: settings[name] for name in ("heartbeat", "grace") if name in settings}
    storage = open_storage(settings["storage"], **options)
    sweep = sweep_of(trials=settings["trials"], retries=settings.get("retries", 2))
    study = open_for(storage, sweep)
    executor = LocalExecutor("light_trial", slots=settings.get("slots", 1), logs=folder)

    def task(number, values, continues):
        return Task(number, {"epochs": [values["x"]], "run": f"run {number}", **settings.get("task", {})})

    try:
        Driver(study, storage, sweep, executor, task, Books(folder / "books.jsonl")).run()
    except (KeyboardInterrupt, Interrupted):
        say("interrupted")
        raise SystemExit(130) from None
    except SearchError as error:
        say(f"failed {error}")
        raise SystemExit(1) from None
    finally:
        storage.close()
    say("done")


main()
