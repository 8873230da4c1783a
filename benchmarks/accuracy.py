"""Is fast as good as plain? Test accuracy of both over several seeds, paired, and of a linear floor.

    python benchmarks/accuracy.py --data DIR --seeds 0,1,2,3,4 --json FILE

For each seed another split; on it one training of each side at the same depth and for the same epochs, none cut short
(but ours, with `--patience`), with EfficientNet-Lite0's ImageNet weights; the epoch of the lowest val_loss is kept.
Ours is the recipe fast with the defaults, plain is plain.py in float32 with live augmentation in the thesis's ranges;
plain_light has the recipe's light augmentation and its label smoothing, so that what is left of a difference isn't
theirs (it takes as long as plain: `--without plain_light` leaves it out). The floor is a logistic regression on the
frozen network's pooled features, its strength chosen on the validation part. All are measured on the test part, once.
The interval of a paired difference is Student's t. With `--keep` the same command goes on where it was interrupted.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from machine import Contestant, result_of, spread, table
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

TRAINED, FLOOR = ("ours", "plain", "plain_light"), "floor"
PAIRS = {
    "difference": ("ours", "plain"),
    "difference_light": ("ours", "plain_light"),
    "above_floor": ("ours", FLOOR),
}


def main() -> None:
    """Run all sides for each seed, write JSON after each of them, and print the table."""
    given = _parser().parse_args()
    trained = [side for side in TRAINED if side not in given.without]
    pairs = {words: pair for words, pair in PAIRS.items() if pair[1] not in given.without}

    def figures(rows: list[Row]) -> dict[str, Any]:
        return {
            "rows": rows,
            **{side: spread([row[side] for row in rows]) for side in (*trained, FLOOR)},
            **{words: paired([row[side] - row[other] for row in rows]) for words, (side, other) in pairs.items()},
        }

    report = measure_seeds(given, _one, figures)
    rows = report["rows"]
    names = ("seed", "test_pictures", *trained, FLOOR, *(f"{side}_seconds" for side in trained))
    print(table([name.replace("_", " ") for name in names], [[row[name] for name in names] for row in rows]))
    for words, (side, other) in pairs.items():
        found = report[words]
        print(f"{side} - {other}: {found['mean']:+.4f} (95 %: {found['low']:+.4f} to {found['high']:+.4f})")


def paired(differences: list[float]) -> dict[str, float]:
    """Return mean and 95 % interval of paired differences (Student's t); the interval is infinite for a single one."""
    import numpy as np
    from scipy import stats

    mean = float(np.mean(differences))
    if len(differences) == 1:
        return {"mean": mean, "low": float("-inf"), "high": float("inf")}
    half = stats.t.ppf(0.975, len(differences) - 1) * stats.sem(differences)
    return {"mean": mean, "low": mean - half, "high": mean + half}


def _one(given: argparse.Namespace, seed: int, folder: Path) -> Row:
    manifest, weights = prepare_seed(given, seed, folder)
    found = {side.name: result_of(side, folder / side.name) for side in _sides(given, manifest, weights, seed)}
    floor = found.pop(FLOOR)
    return {
        "seed": seed,
        "test_pictures": floor["test_pictures"],
        FLOOR: floor["test_accuracy"],
        **{name: side["trials"][0]["test_accuracy"] for name, side in found.items()},
        **{f"{name}_val": side["trials"][0]["best_val_accuracy"] for name, side in found.items()},
        **{f"{name}_seconds": side["seconds"] for name, side in found.items()},
    }


def _sides(given: argparse.Namespace, manifest: Path, weights: Path, seed: int) -> list[Contestant]:
    words = [*common_words(given, manifest, weights, given.blocks), "--test"]
    floor = ["--manifest", str(manifest), "--network", given.network, "--weights", str(weights), "--json", "{json}"]
    plain = [sys.executable, str(HERE / "plain.py"), *words, *plain_words(given, seed)]
    sides = [
        Contestant(FLOOR, [sys.executable, str(HERE / "linear_floor.py"), *floor]),
        Contestant("plain", plain),
        Contestant("plain_light", [*plain, *light_words()]),
        ours("ours", words, {"recipe": "fast", "seed": seed, "patience": given.patience or given.epochs}),
    ]
    return [side for side in sides if side.name not in given.without]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_arguments(parser)
    add_seeds(parser)
    parser.add_argument("--blocks", type=int, default=6, help="the package's default")
    parser.add_argument(
        "--patience", type=int, default=0, help="epochs without a lower val_loss that end ours; 0 for never"
    )
    parser.add_argument("--without", action="append", default=[], choices=("plain_light",))
    return parser


if __name__ == "__main__":
    main()
