"""The weights that all sides of a comparison begin with, saved once.

    python benchmarks/first_weights.py split.csv inception_v3 first.weights.h5

ImageNet's where they can be had; else random ones, with batch normalisation's statistics from training pictures.
"""

import argparse
import os
import tempfile
from itertools import islice
from pathlib import Path

from beauty_mlflow.networks.table import NETWORKS, get_network, scaling_for

BATCHES = 4


def main() -> None:
    """Build the network, give it its weights and save them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scaling", default="thesis", choices=("thesis", "own"), help="the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    from beauty_mlflow.data.pipeline import batches
    from beauty_mlflow.data.splits.manifest import read_split
    from beauty_mlflow.networks.building import build_transfer
    from beauty_mlflow.networks.statistics import set_batch_norm_statistics
    from beauty_mlflow.networks.weights import load_weights

    split, network = read_split(given.manifest), get_network(given.network)
    size = network.image_size
    model = build_transfer(
        network,
        classes=len(split.classes),
        image_size=size,
        scaling=scaling_for(network, given.scaling),
        dropout=0.2,
        dense_units=512,
        precision="float32",
        seed=given.seed,
    )
    loaded = load_weights(model, network, "auto", classes=split.classes)
    if loaded.random:
        pictures = batches(split.part("train"), size=size, resize="squash", batch_size=64, shuffle=True)
        set_batch_norm_statistics(model, [images for images, _ in islice(pictures, BATCHES)])
    with tempfile.TemporaryDirectory(dir=given.out.parent) as folder:
        written = Path(folder) / "model.weights.h5"
        model.save_weights(written)
        os.replace(written, given.out)  # noqa: PTH105 - over an existing file as well
    print(f"first weights: {loaded.source}")


if __name__ == "__main__":
    main()
