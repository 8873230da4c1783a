"""A sweep over unfreeze depth: ours against plain Keras, Optuna and MLflow, in turn, from the same first weights.

    python benchmarks/depth_sweep.py --data DIR --network inception_v3 --depths 0,1,2,3 --epochs 10 --json FILE

The same pictures, parts, first weights, optimizer, learning rate and batch norm for all; no early stopping, no
pruning. Opponents: plain.py in float32, plain_strong.py in bfloat16 and, at depth 0, with features computed once. Ours
begins each turn with an empty cache, whose filling counts. Seconds run from the first work to the last in each process:
imports count for nobody. Our defaults (recipe fast, early stopping) are reported apart, with --defaults.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from machine import BenchmarkError, Contestant, Turn, facts, run_in_turn, spread, table, write_json

from beauty_mlflow.networks.table import NETWORKS, get_network, scaling_for

HERE = Path(__file__).resolve().parent
GB = 1e9


def main() -> None:
    """Prepare what all sides share, run them in turn, print the table and write JSON."""
    given = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="depth-sweep-") as temporary:
        folder = Path(given.keep or temporary)
        try:
            manifest = prepare_manifest(given.data, folder)
            weights = prepare_weights(manifest, given.network, folder)
            sides = [_ours(given, manifest, weights), *_opponents(given, manifest, weights)]
            if given.defaults:
                sides.append(_defaults(given, manifest, weights))
            turns = run_in_turn(sides, given.turns, folder)
        except (BenchmarkError, subprocess.CalledProcessError) as error:
            sys.exit(f"error: {error}")
    report = _report(given, turns)
    print(_summary(report))
    if given.json:
        write_json(given.json, report)


def prepare_manifest(data: Path, folder: Path) -> Path:
    """Return a manifest: the one given, or the split of a folder with the package's defaults."""
    if data.suffix == ".csv":
        return data.absolute()
    manifest = folder / "split.csv"
    subprocess.run(
        [sys.executable, "-m", "beauty_mlflow", "split", "--data", str(data), "--out", str(manifest)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return manifest


def prepare_weights(manifest: Path, network: str, folder: Path) -> Path:
    """Return the file of first weights: ImageNet's where they can be had, else random ones that are set from data."""
    path = folder / "first.weights.h5"
    subprocess.run([sys.executable, str(HERE / "first_weights.py"), str(manifest), network, str(path)], check=True)
    return path


def _ours(given: argparse.Namespace, manifest: Path, weights: Path) -> Contestant:
    return _side(
        "ours",
        given,
        manifest,
        weights,
        recipe="thesis",
        cache="activations",
        precision="auto",
        batch_norm=given.batch_norm,
        patience=given.epochs,
    )


def _defaults(given: argparse.Namespace, manifest: Path, weights: Path) -> Contestant:
    return _side("ours_defaults", given, manifest, weights, recipe="fast")


def _side(name: str, given: argparse.Namespace, manifest: Path, weights: Path, **parameters: object) -> Contestant:
    words = [f"--parameter={key}={value}" for key, value in {**parameters, "seed": given.seed}.items()]
    return Contestant(
        name,
        [sys.executable, str(HERE / "ours.py"), *_common(given, manifest, weights), *words, "--json", "{json}"],
        {
            "BEAUTY_CACHE_DIR": "{folder}/cache",
            "BEAUTY_STATE_DIR": "{folder}/state",
            "MLFLOW_TRACKING_URI": "sqlite:///{folder}/mlflow.db",
        },
    )


def _opponents(given: argparse.Namespace, manifest: Path, weights: Path) -> list[Contestant]:
    network = get_network(given.network)
    words = [
        *_common(given, manifest, weights),
        *("--batch-norm", given.batch_norm, "--scaling", scaling_for(network, "thesis"), "--seed", str(given.seed)),
        *("--tracking", "sqlite:///{folder}/plain.db", "--json", "{json}"),
    ]
    scripts = {"plain": "plain.py", "strong": "plain_strong.py"}
    return [
        Contestant(name, [sys.executable, str(HERE / script), *words])
        for name, script in scripts.items()
        if name not in given.without
    ]


def _common(given: argparse.Namespace, manifest: Path, weights: Path) -> list[str]:
    return [
        *("--manifest", str(manifest), "--network", given.network, "--weights", str(weights)),
        *("--depths", given.depths, "--epochs", str(given.epochs)),
    ]


def _report(given: argparse.Namespace, turns: dict[str, list[Turn]]) -> dict[str, Any]:
    seconds = {name: spread([turn.result["seconds"] for turn in found]) for name, found in turns.items()}
    report: dict[str, Any] = {"machine": facts(), "settings": {k: str(v) for k, v in vars(given).items()}}
    for name, found in turns.items():
        report[f"{name}_seconds"] = seconds[name]["median"]
        report[f"{name}_spread"] = seconds[name]
        report[f"{name}_process_seconds"] = spread([turn.seconds for turn in found])["median"]
        report[f"{name}_peak_gb"] = max(turn.peak_bytes for turn in found) / GB
        report[f"{name}_disk_gb"] = max(turn.disk_bytes for turn in found) / GB
        best = max(found[0].result["trials"], key=lambda trial: trial["best_val_accuracy"])
        report[f"{name}_best_val_accuracy"] = best["best_val_accuracy"]
        report[f"{name}_trials"] = found[0].result["trials"]
    for other, ratio in (("plain", "ratio"), ("strong", "ratio_strong")):
        if other in turns:
            pairs = zip(turns[other], turns["ours"], strict=True)
            report[ratio] = seconds[other]["median"] / seconds["ours"]["median"]
            report[f"{ratio}_spread"] = spread([a.result["seconds"] / b.result["seconds"] for a, b in pairs])
    return report


def _summary(report: dict[str, Any]) -> str:
    sides = [name for name in ("ours", "plain", "strong", "ours_defaults") if f"{name}_seconds" in report]
    header = ["side", "seconds", "least", "most", "with imports", "peak GB", "disk GB", "best val accuracy"]
    rows = [
        [
            name,
            report[f"{name}_seconds"],
            report[f"{name}_spread"]["min"],
            report[f"{name}_spread"]["max"],
            report[f"{name}_process_seconds"],
            report[f"{name}_peak_gb"],
            report[f"{name}_disk_gb"],
            f"{report[f'{name}_best_val_accuracy']:.4f}",
        ]
        for name in sides
    ]
    ratios = [f"{name}: {report[name]:.2f}" for name in ("ratio", "ratio_strong") if name in report]
    return "\n".join([table(header, rows), *ratios])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of class folders, or a manifest")
    parser.add_argument("--network", default="inception_v3", choices=NETWORKS)
    parser.add_argument("--depths", default="0,1,2,3")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-norm", default="train", choices=("train", "frozen"))
    parser.add_argument("--turns", type=int, default=3, help="how often each side runs; medians are compared")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--defaults", action="store_true", help="also our own defaults, apart from the ratios")
    parser.add_argument("--without", action="append", default=[], choices=("plain", "strong"))
    parser.add_argument("--keep", type=Path, help="a folder for logs and stores; else they are removed")
    parser.add_argument("--json", type=Path, help="where to write the result")
    return parser


if __name__ == "__main__":
    main()
