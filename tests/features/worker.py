"""Fills a cache slowly; the tests kill it. Usage: worker.py PICTURES CACHE.

It says at which row it begins, then a line a batch, then the digests of what it has kept.
"""

import hashlib
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from beauty_mlflow.cache.store import Cache
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.features.activations import Versions, keep_versions
from beauty_mlflow.features.trunk import Trunk
from beauty_mlflow.networks.building import build_transfer
from beauty_mlflow.networks.table import get_network

NAMES = ("conv1", "conv3", "pooled")


class Saying:
    def update(self, n=1):
        sys.stdout.write(f"{n}\n")
        sys.stdout.flush()
        time.sleep(0.05)


@contextmanager
def saying(_, __):
    yield Saying()


def main():
    folder, cache = map(Path, sys.argv[1:])
    count = len(list(folder.iterdir()))
    keys = np.random.default_rng(0).integers(0, 2**63, count).astype(np.uint64)
    pictures = Pictures(
        folder, tuple(f"{number}.png" for number in range(count)), np.zeros(count, np.int32), keys, ("a",)
    )
    model = build_transfer(
        get_network("tiny"),
        classes=3,
        image_size=16,
        scaling="unit",
        dropout=0.2,
        dense_units=8,
        precision="float32",
        seed=0,
    )
    trunk = Trunk(model, get_network("tiny"), 16, "squash", "unit", "float32")
    versions = Versions(pictures, pictures.select(np.arange(10)), "thesis", seed=0, views=1)
    kept = keep_versions(Cache(cache), trunk, NAMES, versions, decoded=None, progress=saying)
    digests = [hashlib.sha256(rows[0].read(np.arange(count)).tobytes()).hexdigest() for rows in kept.values()]
    sys.stdout.write(f"digests {' '.join(digests)}\n")


main()
