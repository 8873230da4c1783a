"""A sweep over unfreeze depth: ours against plain Keras, Optuna and MLflow, in turn, from the same first weights.

    python benchmarks/depth_sweep.py --data DIR --network inception_v3 --depths 0,1,2,3 --epochs 10 --json FILE

The same pictures, parts, first weights, optimizer, learning rate and batch norm for all; no early stopping, no
pruning. Opponents: plain.py in float32, plain_strong.py in bfloat16 and, at depth 0, with features computed once. Ours
begins each turn with an empty cache, whose filling counts. Seconds run from the first work to the last in each process:
imports count for nobody. Pictures a second are training pictures times epochs, over those seconds. Our defaults (recipe
fast, early stopping) are reported apart, with --defaults.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from machine import Contestant, Turn, facts, run_in_turn, spread, table, write_json
from sides import HERE, add_common_arguments, common_words, ours, prepare_manifest, prepare_weights, working_folder

from beauty_mlflow.data.splits.manifest import read_split
from beauty_mlflow.networks.table import NETWORKS, get_network, scaling_for

GB = 1e9


def main() -> None:
    """Prepare what all sides share, run them in turn, print the table and write JSON."""
    given = _parser().parse_args()
    with working_folder(given.keep) as folder:
        manifest = prepare_manifest(given.data, folder)
        weights = prepare_weights(manifest, given.network, folder)
        sides = _sides(given, manifest, weights)
        if given.defaults:
            words = common_words(given, manifest, prepare_weights(manifest, given.network, folder, "own"), given.depths)
            sides.append(ours("ours_defaults", words, {"recipe": "fast", "seed": given.seed}))
        report = _report(given, run_in_turn(sides, given.turns, folder), read_split(manifest).sizes)
    print(_summary(report))
    if given.json:
        write_json(given.json, report)


def _sides(given: argparse.Namespace, manifest: Path, weights: Path) -> list[Contestant]:
    words = common_words(given, manifest, weights, given.depths)
    same = {
        "recipe": "thesis",
        "cache": "activations",
        "precision": "fastest",
        "batch_norm": given.batch_norm,
        "patience": given.epochs,
        "seed": given.seed,
    }
    plain = [
        *(*words, "--batch-norm", given.batch_norm, "--scaling", scaling_for(get_network(given.network), "thesis")),
        *("--seed", str(given.seed), "--tracking", "sqlite:///{folder}/plain.db", "--json", "{json}"),
    ]
    opponents = {"plain": "plain.py", "strong": "plain_strong.py"}
    return [
        ours("ours", words, same),
        *(
            Contestant(name, [sys.executable, str(HERE / script), *plain])
            for name, script in opponents.items()
            if name not in given.without
        ),
    ]


def _report(given: argparse.Namespace, turns: dict[str, list[Turn]], sizes: Mapping[str, int]) -> dict[str, Any]:
    seconds = {name: spread([turn.result["seconds"] for turn in found]) for name, found in turns.items()}
    settings = {name: str(value) for name, value in vars(given).items()}
    report: dict[str, Any] = {"machine": facts(), "settings": settings, "pictures": dict(sizes)}
    for name, found in turns.items():
        report[f"{name}_seconds"] = seconds[name]["median"]
        report[f"{name}_spread"] = seconds[name]
        report[f"{name}_process_seconds"] = spread([turn.seconds for turn in found])["median"]
        report[f"{name}_peak_gb"] = max(turn.peak_bytes for turn in found) / GB
        report[f"{name}_disk_gb"] = max(turn.disk_bytes for turn in found) / GB
        best = max(found[0].result["trials"], key=lambda trial: trial["best_val_accuracy"])
        report[f"{name}_best_val_accuracy"] = best["best_val_accuracy"]
        report[f"{name}_trials"] = found[0].result["trials"]
        epochs = sum(trial["epochs"] for trial in found[0].result["trials"])
        report[f"{name}_pictures_a_second"] = epochs * sizes["train"] / seconds[name]["median"]
    for other, ratio in (("plain", "ratio"), ("strong", "ratio_strong")):
        if other in turns:
            pairs = zip(turns[other], turns["ours"], strict=True)
            report[ratio] = seconds[other]["median"] / seconds["ours"]["median"]
            report[f"{ratio}_spread"] = spread([a.result["seconds"] / b.result["seconds"] for a, b in pairs])
    return report


def _summary(report: dict[str, Any]) -> str:
    sides = [name for name in ("ours", "plain", "strong", "ours_defaults") if f"{name}_seconds" in report]
    header = ["side", "seconds", "least", "most", "with imports", "pictures/s", "peak GB", "disk GB", "best accuracy"]
    rows = [
        [
            name,
            report[f"{name}_seconds"],
            report[f"{name}_spread"]["min"],
            report[f"{name}_spread"]["max"],
            report[f"{name}_process_seconds"],
            report[f"{name}_pictures_a_second"],
            report[f"{name}_peak_gb"],
            report[f"{name}_disk_gb"],
            f"{report[f'{name}_best_val_accuracy']:.4f}",
        ]
        for name in sides
    ]
    counts = ", ".join(f"{count} {part}" for part, count in report["pictures"].items())
    ratios = [f"{name}: {report[name]:.2f}" for name in ("ratio", "ratio_strong") if name in report]
    return "\n".join([f"pictures: {counts}", table(header, rows), *ratios])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_arguments(parser)
    parser.add_argument("--network", default="inception_v3", choices=NETWORKS)
    parser.add_argument("--depths", default="0,1,2,3")
    parser.add_argument("--batch-norm", default="train", choices=("train", "frozen"))
    parser.add_argument("--turns", type=int, default=3, help="how often each side runs; medians are compared")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--defaults", action="store_true", help="also our own defaults, apart from the ratios")
    parser.add_argument("--without", action="append", default=[], choices=("plain", "strong"))
    return parser


if __name__ == "__main__":
    main()
