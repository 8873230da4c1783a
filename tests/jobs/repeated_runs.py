"""Fine-tunes again and again in one process, cache=activations and cache=pictures in turn; prints what it holds.

Usage: repeated_runs.py MANIFEST RUNS EPOCHS. After each run a line: resident bytes, open files.
"""

import itertools
import sys

import psutil

from beauty_mlflow.jobs.finetune import Finetune, run


def main():
    manifest, runs, epochs = sys.argv[1:]
    process = psutil.Process()
    for _, cache in zip(range(int(runs)), itertools.cycle(["activations", "pictures"]), strict=False):
        parameters = {
            "data": manifest,
            "network": "tiny",
            "blocks": "1",
            "epochs": epochs,
            "patience": epochs,
            "batch_size": "16",
            "dense_units": "8",
            "weights": "random",
            "cache": cache,
        }
        run(Finetune.parse(parameters))
        sys.stdout.write(f"{process.memory_info().rss} {process.num_fds()}\n")
        sys.stdout.flush()


main()
