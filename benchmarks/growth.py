"""How time and memory grow with the number of pictures: split, and one epoch of finetune that fills its cache.

    python benchmarks/growth.py --json growth.json

draws 1,000, 10,000 and 73,000 pictures (64 x 64 pixels, 73 classes), each set anew, and runs `beauty split` and
`beauty finetune` on it, in processes of their own and with an empty cache. Rows hold the medians of three turns (the
JSON has their spread too): the whole process's seconds, its processor seconds (which tell more where the machine has
other work) and its peak memory. Start-up weighs most in the smallest set, so growth is told by what each further
picture takes from one set to the next. A command is within bounds if that rises by at most 20 % from the first step to
the last, and memory by at most 20 % from the smallest set to the largest; `bytes_a_further_picture` is what memory
grows by.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from machine import Contestant, facts, run_once, spread, table, write_json
from PIL import Image

from beauty_mlflow.progress import console_progress

COUNTS = (1_000, 10_000, 73_000)
CLASSES, LEAST_A_CLASS = 73, 10
SIDE, CELLS = 64, 8  # pixels; coloured cells along it, so that no two pictures are near copies
LIMIT = 1.2
MEASURED = ("seconds", "cpu_seconds", "milliseconds_a_picture", "peak_MB", "cache_MB")
COMMAND = (sys.executable, "-m", "beauty_mlflow")
FINETUNE = {
    "network": "tiny",
    "recipe": "fast",
    "cache": "activations",
    "cache_depths": "0-2",  # one epoch of one depth alone would not be worth a cache
    "warm_head": "false",  # it would train for a number of epochs that depends on the pictures
    "blocks": "1",
    "epochs": "1",
}


def main() -> None:
    """Measure each size, print the table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="pictures, from few to many")
    parser.add_argument("--turns", type=int, default=3, help="how often each command runs; medians are compared")
    parser.add_argument("--folder", type=Path, help="where to work, instead of the system's temporary folder")
    parser.add_argument("--json", type=Path, help="where to write the result")
    given = parser.parse_args()
    counts = sorted(set(given.counts))
    rows: list[dict[str, Any]] = []
    for count in counts:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            rows += _measure(count, max(2, min(CLASSES, counts[0] // LEAST_A_CLASS)), Path(folder), given.turns)
    result = {command: _growth([row for row in rows if row["command"] == command]) for command in ("split", "finetune")}
    names = ("command", "pictures", "seconds", "cpu seconds", "milliseconds a picture", "peak MB", "cache MB")
    print(table(names, [[row[name.replace(" ", "_")] for name in names] for row in rows]))
    for command, growth in result.items():
        print(f"{command}: {growth}")
    if given.json:
        write_json(given.json, {"machine": facts(), "finetune_parameters": FINETUNE, "rows": rows, **result})


def draw(count: int, classes: int, folder: Path) -> None:
    """Draw so many pictures, no two alike, in class folders; the same ones each time."""
    for label in range(classes):
        (folder / f"class_{label:02d}").mkdir(parents=True)
    with console_progress(f"drawing {count} pictures", count) as bar:
        for number in range(count):
            cells = np.random.default_rng(number).integers(0, 256, (CELLS, CELLS, 3), np.uint8)
            picture = Image.fromarray(cells).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            picture.save(folder / f"class_{number % classes:02d}" / f"{number:06d}.jpg")
            bar.update()


def _measure(count: int, classes: int, folder: Path, turns: int) -> list[dict[str, Any]]:
    pictures = folder / "pictures"
    draw(count, classes, pictures)
    every = [_turn(count, pictures, folder / str(turn)) for turn in range(turns)]
    return [_medians(rows) for rows in zip(*every, strict=True)]


def _medians(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    measured = {name: spread([row[name] for row in rows]) for name in MEASURED}
    return rows[0] | {name: found["median"] for name, found in measured.items()} | {"spread": measured}


def _turn(count: int, pictures: Path, folder: Path) -> list[dict[str, Any]]:
    """Run both commands once, from an empty cache, in a store of their own."""
    folder.mkdir()
    manifest, cache = folder / "split.csv", folder / "cache"
    environment = {
        "BEAUTY_CACHE_DIR": str(cache),
        "BEAUTY_STATE_DIR": str(folder / "state"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
    }
    options = [word for name, value in FINETUNE.items() for word in (f"--{name.replace('_', '-')}", value)]
    rows = []
    for name, words in (
        ("split", ["--data", str(pictures), "--out", str(manifest)]),
        ("finetune", ["--data", str(manifest), *options]),
    ):
        turn = run_once(Contestant(name, [*COMMAND, name, *words], environment), folder / name)
        kept = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
        rows.append(
            {
                "command": name,
                "pictures": count,
                "seconds": turn.seconds,
                "cpu_seconds": turn.cpu_seconds,
                "milliseconds_a_picture": 1000 * turn.seconds / count,
                "peak_MB": turn.peak_bytes / 1e6,
                "cache_MB": kept / 1e6,
            }
        )
    shutil.rmtree(cache, ignore_errors=True)
    return rows


def _growth(rows: list[dict[str, Any]]) -> dict[str, Any]:
    memory = rows[-1]["peak_MB"] / rows[0]["peak_MB"]
    seconds, cpu_seconds = _further(rows, "seconds"), _further(rows, "cpu_seconds")
    return {
        "seconds_a_further_picture": seconds,
        "cpu_seconds_a_further_picture": cpu_seconds,
        "bytes_a_further_picture": [1e6 * further for further in _further(rows, "peak_MB")],
        "memory_ratio": memory,
        "time_within": _within(seconds),
        "cpu_time_within": _within(cpu_seconds),
        "memory_within": memory <= LIMIT,
    }


def _within(further: list[float]) -> bool | None:
    return further[-1] <= LIMIT * further[0] if len(further) > 1 else None


def _further(rows: list[dict[str, Any]], name: str) -> list[float]:
    return [(large[name] - small[name]) / (large["pictures"] - small["pictures"]) for small, large in pairwise(rows)]


if __name__ == "__main__":
    main()
