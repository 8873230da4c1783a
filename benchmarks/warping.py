"""The augmentation's resampling: OpenCV's, which is used, against TensorFlow's operation, in turn, on all cores.

    python benchmarks/warping.py --size 299 --json FILE

The pictures are noise, on which a difference in position shows most.
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from machine import facts, spread, table, write_json

from beauty_mlflow.data.augmentation import transforms
from beauty_mlflow.data.warping import warp

if TYPE_CHECKING:
    from collections.abc import Callable

Images = npt.NDArray[np.float32]


def main() -> None:
    """Time both in turn, print rates and the greatest difference, and write JSON."""
    given = _parser().parse_args()
    shape = (given.pictures, given.size, given.size, 3)
    pictures = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    keys = np.arange(given.pictures, dtype=np.uint64)
    rows = transforms(keys, size=given.size, augment="thesis", seed=0, view=0)
    sides: dict[str, Callable[[], list[Images]]] = {
        "OpenCV": lambda: _with_opencv(pictures, rows),
        "TensorFlow": lambda: _with_tensorflow(pictures, rows),
    }
    moved = {name: side() for name, side in sides.items()}  # the first time sets things up
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(given.turns):
        for name, side in sides.items():
            begun = time.perf_counter()
            side()
            rates[name].append(given.pictures / (time.perf_counter() - begun))
    difference = float(np.abs(np.concatenate(moved["OpenCV"]) - moved["TensorFlow"][0]).max())
    report = {
        "machine": facts(),
        "rates": {name: spread(found) for name, found in rates.items()},
        "ratio": spread([a / b for a, b in zip(rates["OpenCV"], rates["TensorFlow"], strict=True)]),
        "greatest_difference": difference,
    }
    print(table(["side", "pictures/s"], [[name, spread(found)["median"]] for name, found in rates.items()]))
    print(f"ratio: {report['ratio']['median']:.2f}, greatest difference: {difference:.4f} of 255")
    if given.json:
        write_json(given.json, report)


def _with_opencv(pictures: npt.NDArray[np.uint8], rows: npt.NDArray[np.float32]) -> list[Images]:
    parts = np.array_split(np.arange(len(pictures)), os.cpu_count() or 1)
    with ThreadPoolExecutor(len(parts)) as threads:
        return list(threads.map(lambda part: warp(pictures[part], rows[part]), parts))


def _with_tensorflow(pictures: npt.NDArray[np.uint8], rows: npt.NDArray[np.float32]) -> list[Images]:
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(pictures, tf.float32),
        transforms=rows,
        output_shape=pictures.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
    return [moved.numpy()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=299, help="side of the pictures, in pixels")
    parser.add_argument("--pictures", type=int, default=64, help="a batch's")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--json", type=Path, help="where to write the result")
    return parser


if __name__ == "__main__":
    main()
