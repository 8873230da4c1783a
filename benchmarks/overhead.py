"""What the platform itself costs: the command line's start, a run's work besides training, and the tracker.

    python benchmarks/overhead.py --json overhead.json

Start: wall time of a command less that of an empty Python. Work: figures, model files and state of a run of 73 classes
and six blocks of InceptionV3. Tracking: a real finetune of a tiny network, every call of the tracker timed, on SQLite
and on a local `mlflow server`; its cost is set against a run of as many epochs of 30 seconds, during which the system
is sampled three times an epoch. Logging the model is measured apart, with InceptionV3's, and set against a plain upload
of the same file.

Ends with status 1 where a limit isn't kept: a command starts within 0.3 s beyond Python's own start, tracking takes at
most 1 % of that run, also of the first one in a process, and logging the model at most 1 s beyond the upload.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from machine import ROOT, facts, spread, table, write_json
from overhead_tracking import EPOCH_SECONDS, EPOCHS

TURNS = 5
START_LIMIT_SECONDS = 0.3
SHARE_LIMIT = 0.01
MODEL_LIMIT_SECONDS = 1.0
WITH_MLFLOW = "(importing MLflow, for runs)"  # which no limit is set for
COMMANDS = (
    ("--help",),
    ("split", "--help"),
    ("finetune", "--help"),
    ("finetune", "--blocks", "x"),
)


def measure_start(turns: int = TURNS) -> dict[str, Any]:
    """Return for each command the seconds beyond those of an empty Python, compiled modules at hand."""
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        commands = {"python": ["-c", "pass"]}
        commands |= {f"beauty {' '.join(words)}": ["-m", "beauty_mlflow", *words] for words in COMMANDS}
        commands[WITH_MLFLOW] = ["-c", "import beauty_mlflow.tracking.runs"]
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(turns + 1):
            for name, words in commands.items():
                begun = time.perf_counter()
                subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, check=False)
                if turn:  # the first one compiles
                    seconds[name].append(time.perf_counter() - begun)
    empty = min(seconds.pop("python"))
    return {name: spread([one - empty for one in found]) for name, found in seconds.items()}


def main() -> None:
    """Measure, print the tables and write JSON; status 1 where a limit isn't kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="where to write the result")
    parser.add_argument("--turns", type=int, default=TURNS, help="how often each thing is measured")
    parser.add_argument(
        "--no-limits", action="store_true", help="status 0 whatever is measured: other work runs beside"
    )
    given = parser.parse_args()
    start = measure_start(given.turns)
    _print_seconds("command, beyond Python's own start", start)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(_isolated(Path(folder)))
        work, stores = _measure_runs(Path(folder), given.turns)
    _print_seconds("work of a run besides training", work)
    for name, found in stores.items():
        _print_store(name, found)
    if given.json:
        write_json(given.json, {"machine": facts(), "start": start, "work": work, "stores": stores})
    wrong = beyond(start, stores)
    if wrong and not given.no_limits:
        sys.exit("\n".join(["error: not within the limits:", *wrong]))


def beyond(start: Mapping[str, Any], stores: Mapping[str, Any]) -> list[str]:
    """Return by what the limits aren't kept, a sentence each."""
    wrong = [
        f"{name}: starts {seconds['median']:.2f} s after Python; expected at most {START_LIMIT_SECONDS:g}"
        for name, seconds in start.items()
        if name != WITH_MLFLOW and seconds["median"] > START_LIMIT_SECONDS
    ]
    for name, found in stores.items():
        for which in ("first", "tracking"):
            share = found[which]["share"]
            if share > SHARE_LIMIT:
                wrong.append(f"{name}, {which}: takes {share:.2%} of a run; expected at most {SHARE_LIMIT:.0%}")
        seconds = found["model"]["beyond"]["median"]
        if seconds > MODEL_LIMIT_SECONDS:
            wrong.append(
                f"{name}, model: logged {seconds:.2f} s beyond its upload; expected at most {MODEL_LIMIT_SECONDS:g}"
            )
    return wrong


def _measure_runs(folder: Path, turns: int) -> tuple[dict[str, Any], dict[str, Any]]:
    # imported once the environment is set, since they import TensorFlow
    from overhead_tracking import measure_stores
    from overhead_work import make_model, make_split, measure_work, save_model

    model = make_model()
    work = measure_work(model, turns)
    save_model(model, folder / "package")
    make_split(folder, classes=4, images=12)
    return work, measure_stores(folder, folder / "split.csv", folder / "package", turns)


def _isolated(folder: Path) -> dict[str, str]:
    return {
        "BEAUTY_CACHE_DIR": str(folder / "cache"),
        "BEAUTY_STATE_DIR": str(folder / "state"),
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }


def _print_seconds(heading: str, found: dict[str, Any]) -> None:
    print(f"\n{table([heading, 's'], [[name, seconds['median']] for name, seconds in found.items()])}")


def _print_store(name: str, found: dict[str, Any]) -> None:
    tracking, model = found["tracking"], found["model"]
    rows: list[tuple[object, ...]] = [
        (call, figures["calls"], figures["seconds"]) for call, figures in tracking["calls"].items()
    ]
    print(f"\n{table([f'call, {name}', 'calls', 's in all'], rows)}\n")
    print(f"once a run {tracking['once_seconds']:.2f} s, each epoch {tracking['epoch_seconds']:.3f} s:", end=" ")
    print(f"{tracking['share']:.2%} of {EPOCHS} epochs of {EPOCH_SECONDS:.0f} s", end=", ")
    print(f"{tracking['share_each_epoch']:.2%} of each epoch; the first run in a process", end=" ")
    print(f"{found['first']['once_seconds']:.2f} s, {found['first']['share']:.2%}")
    print(
        f"model of {model['megabytes']:.0f} MB: logged in {model['logging']['median']:.2f} s, "
        f"plainly uploaded in {model['upload']['median']:.2f} s"
    )


if __name__ == "__main__":
    main()
