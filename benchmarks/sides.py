"""What comparisons share: pictures and first weights made once, and our side as a contestant."""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import BenchmarkError, Contestant, facts, write_json

from beauty_mlflow.networks.table import NETWORKS, get_network
from beauty_mlflow.training.recipes import get_recipe

Row = dict[str, Any]
"""What was measured of a seed."""

HERE = Path(__file__).resolve().parent
PARTS = ("train", "val", "test")
OWN_PLACES = {
    "BEAUTY_CACHE_DIR": "{folder}/cache",
    "BEAUTY_STATE_DIR": "{folder}/state",
    "MLFLOW_TRACKING_URI": "sqlite:///{folder}/mlflow.db",
}


@contextmanager
def working_folder(keep: Path | None) -> Iterator[Path]:
    """Yield a folder for logs and stores; a side that fails ends the script with its last lines."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        folder = (keep or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield folder
        except (BenchmarkError, subprocess.CalledProcessError) as error:
            sys.exit(f"error: {error}")


def measure_seeds(
    given: argparse.Namespace,
    measure: Callable[[argparse.Namespace, int, Path], Row],
    figures: Callable[[list[Row]], Mapping[str, Any]],
) -> dict[str, Any]:
    """Measure one seed after the other; write the report as JSON after each, so that an interruption loses only one.

    Args:
        given: The command line, with the options of ``add_common_arguments`` and ``add_seeds``.
        measure: Takes that, the seed and its folder.
        figures: What the report says of the seeds that are measured.
    """
    rows: list[Row] = []
    report: dict[str, Any] = {}
    with working_folder(given.keep) as folder:
        for seed in given.seeds:
            rows.append(measure(given, seed, folder / f"seed-{seed}"))
            settings = {name: str(value) for name, value in vars(given).items()}
            report = {"machine": facts(), "settings": settings, **figures(rows)}
            if given.json:
                write_json(given.json, report)
    return report


def prepare_manifest(data: Path, folder: Path, *options: str) -> Path:
    """Return a manifest: the one given, or the split of a folder, with the package's defaults but for ``options``."""
    if data.suffix == ".csv":
        return data.absolute()
    manifest = folder / "split.csv"
    command = [sys.executable, "-m", "beauty_mlflow", "split", "--data", str(data), "--out", str(manifest), *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return manifest


def prepare_weights(manifest: Path, network: str, folder: Path, scaling: str = "thesis", seed: int = 0) -> Path:
    """Return the file of first weights: ImageNet's where they can be had, else random ones that are set from data.

    The head's are random, by the seed.
    """
    path = folder / f"first-{scaling}.weights.h5"
    words = [str(manifest), network, str(path), "--scaling", scaling, "--seed", str(seed)]
    subprocess.run([sys.executable, str(HERE / "first_weights.py"), *words], check=True)
    return path


def prepare_seed(given: argparse.Namespace, seed: int, folder: Path) -> tuple[Path, Path]:
    """Return a seed's own manifest and first weights, those of the head too, in a folder that is made."""
    folder.mkdir(parents=True, exist_ok=True)
    shares = [f"--{part}={share}" for part, share in zip(PARTS, given.parts, strict=False)]
    manifest = prepare_manifest(given.data, folder, "--seed", str(seed), "--group-by", given.group_by, *shares)
    return manifest, prepare_weights(manifest, given.network, folder, "own", seed)


def plain_words(given: argparse.Namespace, seed: int) -> list[str]:
    """Return what plain.py is told where each side keeps to its own recipe."""
    return [
        *("--optimizer", given.plain_optimizer, "--learning-rate", str(given.plain_learning_rate)),
        *("--batch-norm", "frozen", "--scaling", get_network(given.network).scaling, "--seed", str(seed)),
        *("--tracking", "sqlite:///{folder}/plain.db", "--json", "{json}"),
    ]


def light_words() -> list[str]:
    """Return what gives plain.py the augmentation and the label smoothing of our recipe."""
    recipe = get_recipe("fast")
    return ["--augment", recipe.augment, "--label-smoothing", str(recipe.label_smoothing)]


def ours(name: str, words: Sequence[str], parameters: Mapping[str, object]) -> Contestant:
    """Return our side of a comparison, with finetune's parameters beyond those of ``ours.py``."""
    given = [f"--parameter={key}={value}" for key, value in parameters.items()]
    return Contestant(name, [sys.executable, str(HERE / "ours.py"), *words, *given, "--json", "{json}"], OWN_PLACES)


def common_words(given: argparse.Namespace, manifest: Path, weights: Path, depths: object) -> list[str]:
    """Return the arguments that both sides take alike."""
    return [
        *("--manifest", str(manifest), "--network", given.network, "--weights", str(weights)),
        *("--depths", str(depths), "--epochs", str(given.epochs)),
    ]


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that every comparison has."""
    parser.add_argument("--data", type=Path, required=True, help="a folder of class folders, or a manifest")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--keep", type=Path, help="a folder for logs and stores; else they are removed")
    parser.add_argument("--json", type=Path, help="where to write the result")


def add_seeds(parser: argparse.ArgumentParser) -> None:
    """Add the options of comparisons that split anew for each seed, with the network that is pretrained everywhere."""
    parser.add_argument("--network", default="efficientnet_lite0", choices=NETWORKS)
    parser.add_argument("--plain-optimizer", default="adam")
    parser.add_argument("--plain-learning-rate", type=float, default=3e-4)
    parser.add_argument("--group-by", default="", help="which pictures stay in one part, as for `beauty split`")
    parser.add_argument("--parts", nargs=3, default=[], help="shares of the pictures: train, val, test")
    parser.add_argument("--seeds", type=_numbers, default=[0, 1, 2, 3, 4], help="as 0,1,2")


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]
