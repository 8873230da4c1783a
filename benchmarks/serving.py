"""How near serving is to the bare network: one picture, and many, through each door, in turn.

    python benchmarks/serving.py --data DIR --network efficientnet_lite0 --json FILE

- bare: Pillow's decoding and one call of the network's graph, as one would write it by hand;
- classifier: what `predict` and the logged model answer with;
- pyfunc: the logged model as mlflow.pyfunc.load_model gives it;
- HTTP: `mlflow models serve` with one worker, the pictures as base64 in `dataframe_split`.

Single pictures are asked for one after the other, each through every door, in an order that rotates, before the next
picture; a turn's figure is the median over them. Many pictures are one call each (for the bare network, batches of 64
with decoding threads).
"""

import argparse
import base64
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from machine import facts, spread, table, write_json
from sides import prepare_manifest
from tracking_server import free_port, server_of

from beauty_mlflow.networks.table import NETWORKS, get_network
from beauty_mlflow.training.recipes import PRECISIONS

Door = Callable[[list[bytes]], int]
"""Answers for pictures and returns how many answers there were."""

BARE = "bare"


def main() -> None:
    """Ask through each door in turn, print two tables and write JSON."""
    given = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="serving-") as temporary:
        folder = Path(temporary)
        pictures = _read_pictures(given, folder)
        _write_model(given, folder, pictures[0])
        with _doors(folder) as doors:
            singles = ask_singly(doors, pictures[: given.singles], given.turns)
            batches = ask_together(doors, pictures, given.turns)
    report = {
        "one picture, ms": compared(singles, inverse=False),
        "many, pictures/s": compared(batches, inverse=True),
    }
    for title, rows in report.items():
        cells = [
            [name, row["median"], row["ratio"], row["spread"]["min"], row["spread"]["max"]]
            for name, row in rows.items()
        ]
        print(table([title, "median", "times the bare one's time", "least", "most"], cells), end="\n\n")
    if given.json:
        settings = {name: str(value) for name, value in vars(given).items()}
        write_json(given.json, {"machine": facts(), "settings": settings, **report})


def ask_singly(doors: Mapping[str, Door], pictures: Sequence[bytes], turns: int) -> dict[str, list[float]]:
    """Return each door's milliseconds a picture, the median of each turn, after one turn that isn't counted."""
    found: dict[str, list[float]] = {name: [] for name in doors}
    for turn in range(turns + 1):
        times: dict[str, list[float]] = {name: [] for name in doors}
        for number, picture in enumerate(pictures):
            for name in _from(number, doors):
                times[name].append(1000 * _seconds(doors[name], [picture]))
        if turn:
            for name in doors:
                found[name].append(spread(times[name])["median"])
    return found


def ask_together(doors: Mapping[str, Door], pictures: list[bytes], turns: int) -> dict[str, list[float]]:
    """Return each door's pictures a second, turn by turn, after one turn that isn't counted."""
    found: dict[str, list[float]] = {name: [] for name in doors}
    for turn in range(turns + 1):
        for name in _from(turn, doors):
            seconds = _seconds(doors[name], pictures)
            if turn:
                found[name].append(len(pictures) / seconds)
    return found


def compared(found: Mapping[str, list[float]], *, inverse: bool) -> dict[str, Any]:
    """Return each door's median, and how many times the bare one's time it takes, turn by turn.

    Args:
        found: The figures of each door.
        inverse: They are rates, not times.
    """
    report = {}
    for name, values in found.items():
        ratios = [b / a if inverse else a / b for a, b in zip(values, found[BARE], strict=True)]
        report[name] = {"median": spread(values)["median"], "ratio": spread(ratios)["median"], "spread": spread(ratios)}
    return report


def _from(number: int, doors: Mapping[str, Door]) -> list[str]:
    # each is first, second, … as often: after the server's turn this process has rested
    names = list(doors)
    first = number % len(names)
    return names[first:] + names[:first]


def _seconds(door: Door, pictures: list[bytes]) -> float:
    begun = time.perf_counter()
    answered = door(pictures)
    seconds = time.perf_counter() - begun
    if answered != len(pictures):
        sys.exit(f"error: {answered} answers for {len(pictures)} pictures")
    return seconds


def _read_pictures(given: argparse.Namespace, folder: Path) -> list[bytes]:
    from beauty_mlflow.data.splits.manifest import read_split

    part = read_split(prepare_manifest(given.data, folder)).part("train")
    return [(part.folder / path).read_bytes() for path in part.paths[: given.pictures]]


def _write_model(given: argparse.Namespace, folder: Path, example: bytes) -> None:
    from mlflow.models import Model

    from beauty_mlflow.networks.building import build_transfer
    from beauty_mlflow.serving.package import save_package
    from beauty_mlflow.tracking.packaging import build
    from beauty_mlflow.training.precision import resolve_precision

    network = get_network(given.network)
    size = given.image_size or network.image_size
    model = build_transfer(
        network,
        classes=given.classes,
        image_size=size,
        scaling=network.scaling,
        dropout=0.2,
        dense_units=512,
        precision=resolve_precision(given.precision),
        seed=0,
    )
    classes = [f"class {number}" for number in range(given.classes)]
    save_package(
        folder / "package",
        model,
        classes=classes,
        image_size=size,
        resize="squash",
        network=given.network,
        temperature=1.3,
    )
    build(folder / "model", folder / "package", example=example, model=Model())


@contextmanager
def _doors(folder: Path) -> Iterator[dict[str, Door]]:
    import mlflow
    import pandas as pd

    loaded = mlflow.pyfunc.load_model(str(folder / "model"))
    classifier = loaded.get_raw_model()

    def pyfunc(pictures: list[bytes]) -> int:
        return int(loaded.predict(pd.DataFrame({"image": pictures}))["error"].isna().sum())

    with _http(folder) as http:
        yield {
            BARE: _bare(classifier),
            "classifier": lambda pictures: sum(answer.error is None for answer in classifier.classify(pictures)),
            "pyfunc": pyfunc,
            "HTTP": http,
        }


def _bare(classifier: Any) -> Door:  # noqa: ANN401 - a Classifier, whose libraries are imported late
    import tensorflow as tf
    from PIL import Image

    from beauty_mlflow.serving.classifier import BATCH_SIZE

    network, size = classifier.network, classifier.description.image_size
    forward = tf.function(
        lambda pictures: network(tf.cast(pictures, tf.float32), training=False),
        input_signature=[tf.TensorSpec([None, size, size, 3], tf.uint8)],
    )
    threads = ThreadPoolExecutor(os.cpu_count())

    def decode(content: bytes) -> np.ndarray:
        with Image.open(io.BytesIO(content)) as picture:
            picture.draft(None, (2 * size, 2 * size))  # a large JPEG at a fraction of its size, as ours
            return np.asarray(picture.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))

    def door(pictures: list[bytes]) -> int:
        if len(pictures) == 1:
            return len(forward(decode(pictures[0])[None]).numpy())
        decoded = threads.map(decode, pictures)
        answered = 0
        for start in range(0, len(pictures), BATCH_SIZE):
            batch = [next(decoded) for _ in pictures[start : start + BATCH_SIZE]]
            answered += len(forward(np.stack(batch)).numpy())
        return answered

    return door


@contextmanager
def _http(folder: Path) -> Iterator[Door]:
    import requests

    binaries = Path(sys.executable).parent
    port = free_port()
    command = [str(binaries / "mlflow"), "models", "serve", "-m", str(folder / "model"), "--env-manager", "local"]
    path = f"{binaries}{os.pathsep}{os.environ['PATH']}"
    headers = {"Content-Type": "application/json"}
    with (
        server_of([*command, "--port", str(port)], port, folder, PATH=path) as uri,
        requests.Session() as session,
    ):

        def door(pictures: list[bytes]) -> int:
            rows = [[base64.b64encode(picture).decode()] for picture in pictures]
            body = json.dumps({"dataframe_split": {"columns": ["image"], "data": rows}})
            reply = session.post(f"{uri}/invocations", body, headers=headers, timeout=600)
            reply.raise_for_status()
            return sum(answer["error"] is None for answer in reply.json()["predictions"])

        yield door


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of class folders, or a manifest")
    parser.add_argument("--network", default="efficientnet_lite0", choices=NETWORKS)
    parser.add_argument("--image-size", type=int, default=0, help="0 is the network's own")
    parser.add_argument("--classes", type=int, default=73)
    parser.add_argument("--precision", default="auto", choices=["auto", *PRECISIONS])
    parser.add_argument("--pictures", type=int, default=256, help="at most so many of the training part, in one call")
    parser.add_argument("--singles", type=int, default=50, help="of them, one after the other")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where to write the result")
    return parser


if __name__ == "__main__":
    main()
