"""What a few cached views of each picture cost against live augmentation: best validation accuracy by their number.

    python benchmarks/views.py --data DIR --views 1 2 4 10 --epochs 10 --seeds 0,1,2 --json FILE

As many views as epochs show the network what live augmentation shows it, so that row is the measure of the others. For
each seed another split and other first weights of the head; the test part isn't touched.
"""

import argparse
from pathlib import Path
from typing import Any

from accuracy import paired
from machine import facts, run_once, spread, table, write_json
from sides import add_common_arguments, add_seeds, common_words, ours, prepare_seed, working_folder


def main() -> None:
    """Train with each number of views for each seed, print the table and write JSON."""
    given = _parser().parse_args()
    with working_folder(given.keep) as folder:
        rows = [_one(given, seed, folder / f"seed-{seed}") for seed in given.seeds]
    most = max(given.views)
    report: dict[str, Any] = {
        "machine": facts(),
        "settings": {name: str(value) for name, value in vars(given).items()},
        "rows": rows,
        "accuracy": {views: spread([row[views] for row in rows]) for views in given.views},
        "difference": {views: paired([row[views] - row[most] for row in rows]) for views in given.views},
    }
    cells = []
    for views in given.views:
        found = report["difference"][views]
        words = "" if views == most else f"{found['mean']:+.4f} ({found['low']:+.4f} to {found['high']:+.4f})"
        cells.append([views, f"{report['accuracy'][views]['median']:.4f}", words])
    print(table(["views", "median best val accuracy", f"against {most} views, mean (95 %)"], cells))
    if given.json:
        write_json(given.json, report)


def _one(given: argparse.Namespace, seed: int, folder: Path) -> dict[int, float]:
    manifest, weights = prepare_seed(given, seed, folder)
    words = common_words(given, manifest, weights, given.blocks)
    found = {}
    for views in given.views:
        parameters = {"recipe": "fast", "seed": seed, "views": views, "patience": given.epochs}
        side = ours(f"views-{views}", words, parameters)
        found[views] = run_once(side, folder / side.name).result["trials"][0]["best_val_accuracy"]
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_arguments(parser)
    add_seeds(parser)
    parser.add_argument("--blocks", type=int, default=6, help="the package's default")
    parser.add_argument("--views", type=int, nargs="+", default=[1, 2, 4, 10])
    return parser


if __name__ == "__main__":
    main()
