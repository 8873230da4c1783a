"""What each part of the recipe fast does to accuracy: best validation accuracy with it and without, over several seeds.

    python benchmarks/recipe_parts.py --data DIR --seeds 0,1,2 --epochs 10 --json FILE

For each seed another split and other first weights of the head, and on them one training a row, of one depth, with
EfficientNet-Lite0's ImageNet weights; the differences are paired. As many views as epochs show the network what live
augmentation shows it. Epochs aren't cut short, and the test part isn't touched.
"""

import argparse
from pathlib import Path
from typing import Any

from accuracy import paired
from machine import BenchmarkError, facts, run_once, spread, table, write_json
from sides import add_common_arguments, add_seeds, common_words, ours, prepare_seed, working_folder

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
    """Train each row for each seed, print the table and write JSON."""
    given = _parser().parse_args()
    names = [BASE, *(name for name in given.rows if name != BASE)]
    with working_folder(given.keep) as folder:
        found = [_one(given, names, seed, folder / f"seed-{seed}") for seed in given.seeds]
    rows: dict[str, Any] = {}
    for name in names:
        accuracies = [one[name]["best_val_accuracy"] for one in found]
        differences = [one[name]["best_val_accuracy"] - one[BASE]["best_val_accuracy"] for one in found]
        seconds = [one[name]["seconds"] for one in found]
        rows[name] = {"accuracy": spread(accuracies), "difference": paired(differences), "seconds": spread(seconds)}
    cells = []
    for name, row in rows.items():
        difference = row["difference"]
        words = f"{difference['mean']:+.4f} ({difference['low']:+.4f} to {difference['high']:+.4f})"
        seconds = row["seconds"]["median"]
        cells.append([name, f"{row['accuracy']['median']:.4f}", "" if name == BASE else words, seconds])
    print(table(["", "median best val accuracy", "against the recipe, mean (95 %)", "seconds"], cells))
    if given.json:
        settings = {name: str(value) for name, value in vars(given).items()}
        write_json(given.json, {"machine": facts(), "settings": settings, "rows": rows})


def _one(given: argparse.Namespace, names: list[str], seed: int, folder: Path) -> dict[str, dict[str, Any]]:
    manifest, weights = prepare_seed(given, seed, folder)
    words = common_words(given, manifest, weights, given.blocks)
    found = {}
    for number, name in enumerate(names):
        own = {key: value.replace("{epochs}", str(given.epochs)) for key, value in ROWS[name].items()}
        # planned as one of many, so that no row reads pictures because a cache wouldn't pay for it alone
        shared = {"recipe": "fast", "seed": seed, "patience": given.epochs, "cache_trainings": len(ROWS)}
        side = ours(f"row-{number}", words, {**shared, **own})
        trial = run_once(side, folder / side.name).result["trials"][0]
        if trial["source"].startswith("activations") != ("cache" not in own):
            raise BenchmarkError(f"{name}, seed {seed}: the training has read {trial['source']}")
        found[name] = trial
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
