"""Reads an entry in mixed order with less memory than it takes. Usage: limited.py FOLDER."""

import resource
import sys
from pathlib import Path

import numpy as np

from beauty_mlflow.cache.keys import Key, Rows
from beauty_mlflow.cache.store import Cache
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.data.row_batches import Order, row_batches

MB = 2**20
COUNT, ROW = 768, MB
SPARE = 384 * MB


def pictures_of(count):
    names, labels = tuple(map(str, range(count))), np.arange(count, dtype=np.int32) % 2
    return Pictures(Path(), names, labels, np.arange(count, dtype=np.uint64), ("a", "b"))


def produce(count):
    return lambda _, start: ([np.full((1, ROW), row % 251, np.uint8)] for row in range(start, count))


def numbers(entry, count):
    order = Order(8, shuffle=True, seed=1)
    for rows, _ in row_batches(entry, pictures_of(count), order, rows_a_call=8):
        assert (rows.numpy().min(axis=1) == rows.numpy().max(axis=1)).all()
        yield from rows.numpy()[:, 0].tolist()


def main():
    cache = Cache(Path(sys.argv[1]))
    small, large = (Key("pictures", {"count": count}) for count in (32, COUNT))
    with cache.ensure({small: Rows(32, (ROW,), "uint8")}, produce(32))[small] as entry:
        assert len(list(numbers(entry, 32))) == 32  # TensorFlow's threads and pools are there now
    used = int(Path("/proc/self/status").read_text().split("VmData:")[1].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (used + SPARE, -1))
    with cache.ensure({large: Rows(COUNT, (ROW,), "uint8")}, produce(COUNT))[large] as entry:
        read = sorted(numbers(entry, COUNT))
    assert read == sorted(row % 251 for row in range(COUNT))
    try:
        np.ones(1024 * MB, np.uint8)
    except MemoryError:
        sys.stdout.write(f"{len(read)} rows read, 1024 MB refused\n")


main()
