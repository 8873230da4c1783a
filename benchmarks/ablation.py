"""What each part of the recipe fast brings: a depth sweep with it, and without one part after the other.

    python benchmarks/ablation.py --data DIR --network inception_v3 --depths 0,1,2,3 --epochs 10 --json FILE

``all`` has the cache, folding, bfloat16 (or float16), kept pictures, the head first, a cosine schedule, early stopping
and pruning of lagging trials. Each other row leaves one of them out, those without activations the head first as well,
which needs them; batch norm training puts its other way into the place of the recipe's. ``none`` leaves out all.
"""

import argparse
from pathlib import Path
from typing import Any

from machine import Contestant, facts, run_in_turn, spread, table, write_json
from sides import add_common_arguments, common_words, ours, prepare_manifest, prepare_weights, working_folder

from beauty_mlflow.networks.table import NETWORKS

ALL = {"recipe": "fast", "cache": "activations", "precision": "auto", "warm_head": "true", "schedule": "cosine"}
WITHOUT: dict[str, dict[str, str]] = {
    "all": {},
    "without the cache": {"cache": "pictures", "warm_head": "false"},
    "without folding": {},
    "without bfloat16": {"precision": "float32"},
    "without kept pictures and cache": {"cache": "none", "warm_head": "false"},
    "without the head first": {"warm_head": "false"},
    "without the schedule": {"schedule": "constant"},
    "with batch norm training": {"batch_norm": "train"},
    "without early stopping": {},
    "without pruning": {},
    "none": {"cache": "none", "precision": "float32", "warm_head": "false", "schedule": "constant"},
}


def main() -> None:
    """Run every row in turn, print the table and write JSON."""
    given = _parser().parse_args()
    with working_folder(given.keep) as folder:
        manifest = prepare_manifest(given.data, folder)
        weights = prepare_weights(manifest, given.network, folder, "own")
        turns = run_in_turn([_side(given, name, manifest, weights) for name in given.rows], given.turns, folder)
    rows: dict[str, Any] = {}
    for name, found in turns.items():
        best = max(trial["best_val_accuracy"] for trial in found[0].result["trials"])
        epochs = sum(trial["epochs"] for trial in found[0].result["trials"])
        rows[name] = {"seconds": spread([turn.result["seconds"] for turn in found]), "best": best, "epochs": epochs}
    base = rows["all"]["seconds"]["median"] if "all" in rows else None
    header = ["sweep", "seconds", "times all", "epochs in all", "best val accuracy"]
    cells = [
        [
            name,
            row["seconds"]["median"],
            row["seconds"]["median"] / base if base else None,
            row["epochs"],
            f"{row['best']:.4f}",
        ]
        for name, row in rows.items()
    ]
    print(table(header, cells))
    if given.json:
        settings = {name: str(value) for name, value in vars(given).items()}
        write_json(given.json, {"machine": facts(), "settings": settings, "rows": rows})


def _side(given: argparse.Namespace, name: str, manifest: Path, weights: Path) -> Contestant:
    parameters = {**ALL, **WITHOUT[name], "seed": given.seed}
    if name in ("none", "without early stopping"):
        parameters["patience"] = given.epochs
    words = common_words(given, manifest, weights, given.depths)
    if name not in ("none", "without pruning"):
        words.append("--prune")
    if name == "without folding":
        words.append("--unfolded")
    return ours(name, words, parameters)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_arguments(parser)
    parser.add_argument("--network", default="inception_v3", choices=NETWORKS)
    parser.add_argument("--depths", default="0,1,2,3")
    parser.add_argument("--rows", nargs="+", default=list(WITHOUT), choices=list(WITHOUT))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    main()
