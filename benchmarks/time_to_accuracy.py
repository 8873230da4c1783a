"""Wall time until our sweep reaches the validation accuracy that the plain sweep ends with.

    python benchmarks/time_to_accuracy.py --data DIR --seeds 0,1,2,3,4 --json FILE

Both sweep the same depths, from the same weights, on the same parts: for each seed another split, and another seed of
both sides. Plain stops a training as early as ours, and has the same augmentation and label smoothing. Its time is its
whole sweep: before its end nobody knows its best, which is the best val_accuracy of any epoch. Ours counts from an
empty cache to the end of the epoch whose val_accuracy is at least as high.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from machine import Contestant, run_once, spread, table
from sides import (
    HERE,
    Row,
    add_common_arguments,
    add_seeds,
    common_words,
    light_words,
    measure_seeds,
    ours,
    plain_words,
    prepare_seed,
)

PATIENCE = 3  # finetune's own


def main() -> None:
    """Run both sides for each seed, write JSON after each of them, and print the table."""
    given = _parser().parse_args()
    report = measure_seeds(given, _one, _figures)
    rows = report["rows"]
    header = [
        "seed",
        "plain seconds",
        "plain's best",
        "ours reaches it after",
        "at blocks",
        "epoch",
        "ratio",
        "our best",
    ]
    cells = [
        [
            row["seed"],
            row["plain_seconds"],
            f"{row['target']:.4f}",
            row["ours_seconds"],
            row["blocks"],
            row["epoch"],
            row["ratio"],
            f"{row['ours_best']:.4f}",
        ]
        for row in rows
    ]
    print(table(header, cells))
    print(
        f"reached for {report['reached']} of {len(rows)} seeds"
        + (f", median ratio {report['ratio']['median']:.2f}" if report["ratio"] else "")
    )


def _figures(rows: list[Row]) -> dict[str, Any]:
    reached = [row["ratio"] for row in rows if row["ratio"]]
    return {"rows": rows, "reached": len(reached), "ratio": spread(reached) if reached else None}


def _one(given: argparse.Namespace, seed: int, folder: Path) -> Row:
    manifest, weights = prepare_seed(given, seed, folder)
    plain, ours = (run_once(side, folder / side.name).result for side in _sides(given, manifest, weights, seed))
    target = best_of(plain["trials"])
    row = {
        "seed": seed,
        "target": target,
        "plain_seconds": plain["seconds"],
        "ours_best": best_of(ours["trials"]),
        "ours_whole_sweep": ours["seconds"],
    }
    for trial in ours["trials"]:
        for epoch, found in enumerate(trial["history"], start=1):
            if found["val_accuracy"] >= target:
                seconds = found["at"]
                return {
                    **row,
                    "ours_seconds": seconds,
                    "blocks": trial["blocks"],
                    "epoch": epoch,
                    "ratio": plain["seconds"] / seconds,
                }
    return {**row, "ours_seconds": None, "blocks": None, "epoch": None, "ratio": None}


def best_of(trials: Sequence[Mapping[str, Any]]) -> float:
    """Return the best validation accuracy of any epoch."""
    return max(epoch["val_accuracy"] for trial in trials for epoch in trial["history"])


def _sides(given: argparse.Namespace, manifest: Path, weights: Path, seed: int) -> list[Contestant]:
    words = common_words(given, manifest, weights, given.depths)
    same = [*light_words(), "--patience", str(PATIENCE)]
    return [
        Contestant("plain", [sys.executable, str(HERE / "plain.py"), *words, *plain_words(given, seed), *same]),
        ours("ours", words, {"recipe": "fast", "seed": seed, "patience": PATIENCE}),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_arguments(parser)
    add_seeds(parser)
    parser.add_argument("--depths", default="0,1,2,3,4,5,6,7,8,9")
    return parser


if __name__ == "__main__":
    main()
