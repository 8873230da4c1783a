"""What each part of the recipe fast does to accuracy: best validation accuracy with it and without, over several seeds.

    python benchmarks/recipe_parts.py --data DIR --seeds 0,1,2 --epochs 10 --json FILE

For each seed another split and other first weights of the head, and on them one training a row, of one depth, with
EfficientNet-Lite0's ImageNet weights; the differences are paired. As many views as epochs show the network what live
augmentation shows it. Epochs aren't cut short, and the test part isn't touched. A seed's rows share one cache, and JSON
is written after each seed; with `--keep` the same command goes on where it was interrupted.
"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from accuracy import paired
from machine import BenchmarkError, result_of, spread, table
from sides import Row, add_common_arguments, add_seeds, common_words, measure_seeds, ours, prepare_seed

BASE = "the recipe"
ROWS: dict[str, dict[str, str]] = {
    BASE: {},
    "one view": {"views": "1"},
    "two views": {"views": "2"},
    "a view an epoch": {"views": "{epochs}"},
    "live augmentation, no head first": {"cache": "pictures"},
    "no head first": {"warm_head": "false"},
    "constant rate": {"schedule": "constant"},
    "RMSprop": {"optimizer": "rmsprop"},
    "Adam": {"optimizer": "adam"},
    "batch norm training": {"batch_norm": "train"},
    "float32": {"precision": "float32"},
    "no label smoothing": {"label_smoothing": "0"},
    "thesis augmentation": {"augment": "thesis"},
    "no augmentation": {"augment": "none"},
}


def main() -> None:
    """Train each row for each seed, write JSON after each of them, and print the table."""
    given = _parser().parse_args()
    names = [BASE, *(name for name in given.rows if name != BASE)]

    def figures(seeds: list[Row]) -> dict[str, Any]:
        found = {name: [seed[name] for seed in seeds] for name in names}
        return {"rows": {name: _row(values, found[BASE]) for name, values in found.items()}}

    report = measure_seeds(given, partial(_one, names), figures)
    cells = []
    for name, row in report["rows"].items():
        difference = row["difference"]
        words = f"{difference['mean']:+.4f} ({difference['low']:+.4f} to {difference['high']:+.4f})"
        cells.append([name, f"{row['accuracy']['median']:.4f}", "" if name == BASE else words])
    print(table(["", "median best val accuracy", "against the recipe, mean (95 %)"], cells))


def _row(found: list[float], base: list[float]) -> dict[str, Any]:
    differences = [one - other for one, other in zip(found, base, strict=True)]
    return {"values": found, "accuracy": spread(found), "difference": paired(differences)}


def _one(names: list[str], given: argparse.Namespace, seed: int, folder: Path) -> Row:
    manifest, weights = prepare_seed(given, seed, folder)
    words = common_words(given, manifest, weights, given.blocks)
    found = {}
    for name in names:
        own = {key: value.replace("{epochs}", str(given.epochs)) for key, value in ROWS[name].items()}
        # planned as one of many, so that no row reads pictures because a cache wouldn't pay for it alone
        shared = {"recipe": "fast", "seed": seed, "patience": given.epochs, "cache_trainings": len(ROWS)}
        side = ours(f"row-{list(ROWS).index(name)}", words, {**shared, **own})
        side = replace(side, environment={**side.environment, "BEAUTY_CACHE_DIR": str(folder / "cache")})
        trial = result_of(side, folder / side.name)["trials"][0]
        if trial["source"].startswith("activations") != ("cache" not in own):
            raise BenchmarkError(f"{name}, seed {seed}: the training has read {trial['source']}")
        found[name] = trial["best_val_accuracy"]
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_arguments(parser)
    add_seeds(parser)
    parser.add_argument("--blocks", type=int, default=6, help="the package's default")
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    return parser


if __name__ == "__main__":
    main()
