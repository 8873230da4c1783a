"""Fine-tunes again and again in one process; prints what it holds.

Usage: repeated_runs.py MANIFEST RUNS EPOCHS. In turn: cached activations, pictures, and the recipe fast with figures
and another seed each time, so that activations and the head are made anew. After each run a line: resident bytes, open
files, and what the training read.
"""

import itertools
import sys

import psutil

from beauty_mlflow.jobs.finetune import Finetune, run
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

KINDS = (
    {"cache": "activations", "cache_trainings": "100", "figures": "false"},
    {"cache": "pictures", "figures": "false"},
    {"recipe": "fast", "cache": "activations", "cache_trainings": "100"},
)


def main():
    manifest, runs, epochs = sys.argv[1:]
    process = psutil.Process()
    for number, kind in zip(range(int(runs)), itertools.cycle(KINDS), strict=False):
        parameters = {
            "data": manifest,
            "network": "tiny",
            "blocks": "1",
            "epochs": epochs,
            "patience": epochs,
            "batch_size": "16",
            "dense_units": "8",
            "weights": "random",
            **kind,
        }
        if kind.get("recipe") == "fast":
            parameters["seed"] = str(number)
        made = dict(run(Finetune.parse(parameters)))["run_id"]
        source = Run.find(connect(), made).parameters()["resolved.source"].partition(" ")[0]
        sys.stdout.write(f"{process.memory_info().rss} {process.num_fds()} {source}\n")
        sys.stdout.flush()


main()
