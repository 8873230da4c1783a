"""How fast pictures come from S3: one after the other, in parallel, and from the cache.

    python benchmarks/s3_reading.py --pictures 600 --latency 0.02

An S3 server (moto's) runs beside on loopback, and every answer of it comes so many seconds late. Each side reads all
pictures of one manifest and compares their sha256; they go in turn, and each begins with an empty cache, but for the
last, which finds what the second has fetched.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

import boto3
import numpy as np
from machine import BenchmarkError, facts, table, write_json
from PIL import Image
from tracking_server import free_port, server_of

from beauty_mlflow.data.sources.locations import locate
from beauty_mlflow.data.splits.manifest import Split, read_split, write_split
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data
from beauty_mlflow.progress import silent_progress

CLASSES, SIDE = 6, 128  # pixels: some 15 KB a picture
URI = "s3://pictures/boxes"


def main() -> None:
    """Make and upload the pictures, let the sides read them in turn, print the table and write JSON."""
    given = _parser().parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ |= {
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_DEFAULT_REGION": "us-east-1",
            "BEAUTY_CACHE_DIR": str(folder / "cache"),
        }
        try:
            with _server(folder, given.latency):
                manifest = _prepare(folder, given.pictures)
                rates = _measure(manifest, folder / "cache", given.turns)
        except BenchmarkError as error:
            sys.exit(f"error: {error}")
    print(table(["side", "pictures/s", "least", "most"], [_row(side, found) for side, found in rates.items()]))
    if given.json:
        write_json(given.json, {"machine": facts(), "latency": given.latency, "pictures_per_second": rates})


def _measure(manifest: Path, cache: Path, turns: int) -> dict[str, list[float]]:
    sides: dict[str, Callable[[], Split]] = {
        "one after the other": lambda: _one_by_one(manifest),
        "in parallel": lambda: read_split(manifest),
        "from the cache": lambda: read_split(manifest),
    }
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(turns):
        for side, read in sides.items():
            if side != "from the cache":
                shutil.rmtree(cache, ignore_errors=True)
            began = time.perf_counter()
            count = len(read().table)
            rates[side].append(count / (time.perf_counter() - began))
    return rates


def _one_by_one(manifest: Path) -> Split:
    split = read_split(manifest, check_pictures=False)
    for path in split.table["path"]:
        (split.folder / path).read_bytes()
    return split


def _prepare(folder: Path, pictures: int) -> Path:
    """Return the manifest of pictures that lie in S3."""
    noise = np.random.default_rng(0)
    for number in range(pictures):
        path = folder / "boxes" / f"class {number % CLASSES}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(path)
    split = split_data(folder / "boxes", SplitOptions(), silent_progress).split
    client = boto3.client("s3")
    client.create_bucket(Bucket="pictures")
    for path in split.table["path"]:
        client.put_object(Bucket="pictures", Key=f"boxes/{path}", Body=(folder / "boxes" / path).read_bytes())
    write_split(replace(split, folder=locate(URI)), folder / "split.csv")
    return folder / "split.csv"


@contextmanager
def _server(folder: Path, latency: float) -> Iterator[None]:
    port = free_port()
    command = [sys.executable, "-c", f"import s3_server; s3_server.serve({port}, {latency})"]
    path = str(Path(__file__).parent)
    with server_of(command, port, folder, ready="/moto-api/", PYTHONPATH=path) as uri:
        os.environ["AWS_ENDPOINT_URL"] = uri
        yield


def _row(side: str, rates: list[float]) -> list[str]:
    return [side, *(f"{rate:.0f}" for rate in (median(rates), min(rates), max(rates)))]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=600, help="how many there are")
    parser.add_argument("--latency", type=float, default=0.02, help="seconds before each answer of the server")
    parser.add_argument("--turns", type=int, default=3, help="how often each side reads them")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    return parser


if __name__ == "__main__":
    main()
