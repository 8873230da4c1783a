"""Wall time until our sweep reaches the validation accuracy that the plain sweep ends with.

    python benchmarks/time_to_accuracy.py --data DIR --seeds 0,1,2,3,4 --json FILE

Both sweep the same depths, from the same weights, on the same parts: for each seed another split, and another seed of
both sides. The plain sweep's time is its whole sweep: before its end nobody knows its best. Ours counts from an empty
cache to the end of the epoch whose val_accuracy is at least as high.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from depth_sweep import HERE, prepare_weights
from machine import BenchmarkError, Contestant, facts, run_once, spread, table, write_json

from beauty_mlflow.networks.table import NETWORKS, get_network


def main() -> None:
    """Run both sides for each seed, print the table and write JSON."""
    given = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="time-to-accuracy-") as temporary:
        folder = Path(given.keep or temporary)
        try:
            rows = [_one(given, seed, folder / f"seed-{seed}") for seed in given.seeds]
        except (BenchmarkError, subprocess.CalledProcessError) as error:
            sys.exit(f"error: {error}")
    reached = [row["ratio"] for row in rows if row["ratio"]]
    report: dict[str, Any] = {
        "machine": facts(),
        "settings": {name: str(value) for name, value in vars(given).items()},
        "rows": rows,
        "reached": len(reached),
        "ratio": spread(reached) if reached else None,
    }
    header = ["seed", "plain seconds", "plain's best", "ours reaches it after", "at blocks", "epoch", "ratio"]
    cells = [
        [
            row["seed"],
            row["plain_seconds"],
            f"{row['target']:.4f}",
            row["ours_seconds"],
            row["blocks"],
            row["epoch"],
            row["ratio"],
        ]
        for row in rows
    ]
    print(table(header, cells))
    print(
        f"reached for {len(reached)} of {len(rows)} seeds"
        + (f", median ratio {report['ratio']['median']:.2f}" if reached else "")
    )
    if given.json:
        write_json(given.json, report)


def _one(given: argparse.Namespace, seed: int, folder: Path) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = split_with_seed(given, folder, seed)
    weights = prepare_weights(manifest, given.network, folder)
    plain, ours = (run_once(side, folder / side.name) for side in _sides(given, manifest, weights, seed))
    target = max(trial["best_val_accuracy"] for trial in plain.result["trials"])
    row: dict[str, Any] = {"seed": seed, "target": target, "plain_seconds": plain.result["seconds"]}
    row |= {"ours_best": max(trial["best_val_accuracy"] for trial in ours.result["trials"])}
    row |= {"ours_whole_sweep": ours.result["seconds"]}
    for trial in ours.result["trials"]:
        for epoch, found in enumerate(trial["history"], start=1):
            if found["val_accuracy"] >= target:
                seconds = found["at"]
                return {
                    **row,
                    "ours_seconds": seconds,
                    "blocks": trial["blocks"],
                    "epoch": epoch,
                    "ratio": plain.result["seconds"] / seconds,
                }
    return {**row, "ours_seconds": None, "blocks": None, "epoch": None, "ratio": None}


def split_with_seed(given: argparse.Namespace, folder: Path, seed: int) -> Path:
    """Split a folder into parts that the seed decides; return the manifest."""
    manifest = folder / "split.csv"
    words = ["--data", str(given.data), "--out", str(manifest), "--seed", str(seed), "--group-by", given.group_by]
    command = [sys.executable, "-m", "beauty_mlflow", "split", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return manifest


def _sides(given: argparse.Namespace, manifest: Path, weights: Path, seed: int) -> list[Contestant]:
    common = [
        *("--manifest", str(manifest), "--network", given.network, "--weights", str(weights)),
        *("--depths", given.depths, "--epochs", str(given.epochs), "--json", "{json}"),
    ]
    plain = [
        *("--optimizer", given.plain_optimizer, "--learning-rate", str(given.plain_learning_rate)),
        *("--batch-norm", "frozen", "--scaling", get_network(given.network).scaling, "--seed", str(seed)),
        *("--tracking", "sqlite:///{folder}/plain.db"),
    ]
    ours = [f"--parameter={name}={value}" for name, value in {"recipe": "fast", "seed": seed}.items()]
    places = {
        "BEAUTY_CACHE_DIR": "{folder}/cache",
        "BEAUTY_STATE_DIR": "{folder}/state",
        "MLFLOW_TRACKING_URI": "sqlite:///{folder}/mlflow.db",
    }
    return [
        Contestant("plain", [sys.executable, str(HERE / "plain.py"), *common, *plain]),
        Contestant("ours", [sys.executable, str(HERE / "ours.py"), *common, *ours], places),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of class folders")
    parser.add_argument("--network", default="efficientnet_lite0", choices=NETWORKS)
    parser.add_argument("--depths", default="0,1,2,3,4,5,6,7,8,9")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--plain-optimizer", default="adam")
    parser.add_argument("--plain-learning-rate", type=float, default=3e-4)
    parser.add_argument("--group-by", default="", help="which pictures stay in one part, as for `beauty split`")
    parser.add_argument("--seeds", type=_numbers, default=[0, 1, 2, 3, 4], help="as 0,1,2")
    parser.add_argument("--keep", type=Path, help="a folder for logs and stores; else they are removed")
    parser.add_argument("--json", type=Path, help="where to write the result")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    main()
