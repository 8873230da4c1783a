"""A trial without a network or a tracker, for what a sweep does with many of them; it imports nothing of ours.

Its values follow from its parameters: the accuracy falls with the learning rate's distance from 0.01 and rises with the
depth up to 2, and each further block has 1,000 weights more. A learning rate of 1 fails. FOOTPRINTS names a file that
gets the driver's resident bytes as each trial ends.
"""

import json
import math
import os
import sys
from pathlib import Path


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main():
    content = json.loads(sys.stdin.readline())
    parameters = content["parameters"]
    rate, blocks = float(parameters["learning_rate"]), int(parameters["blocks"])
    accuracy = 0.9 - 0.1 * abs(math.log10(rate) + 2) + 0.01 * min(blocks, 2)
    say({"started": f"run of {content['name']}"})
    for epoch in range(1, 4):
        say({"epoch": [epoch, {"val_accuracy": accuracy * epoch / 3}]})
        if not json.loads(sys.stdin.readline()):
            say({"ended": ["pruned", {}, ""]})
            return
    if "FOOTPRINTS" in os.environ:
        pages = int(Path(f"/proc/{os.getppid()}/statm").read_text().split()[1])
        with Path(os.environ["FOOTPRINTS"]).open("a") as footprints:
            footprints.write(f"{pages * os.sysconf('SC_PAGE_SIZE')}\n")
    if rate == 1:
        say({"ended": ["failed", {}, "a learning rate of 1"]})
        return
    say({"ended": ["complete", {"best_val_accuracy": accuracy, "parameters_trainable": 1000.0 * blocks}, ""]})


main()
