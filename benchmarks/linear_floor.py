"""The floor for fine-tuning: a logistic regression on a frozen network's pooled features.

python benchmarks/linear_floor.py --manifest split.csv --network efficientnet_lite0 --weights first.weights.h5
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from machine import facts, write_json

from beauty_mlflow.networks.table import NETWORKS, get_network

STRENGTHS = (0.01, 0.1, 1.0, 10.0)


def main() -> None:
    """Extract, fit with the strength that is best on val, and measure on test."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--network", default="efficientnet_lite0", choices=NETWORKS)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result = floor(given.manifest, given.network, given.weights)
    print(", ".join(f"{name}: {value}" for name, value in result.items()))
    if given.json:
        write_json(given.json, {"machine": facts(), **result})


def floor(manifest: Path, name: str, weights: Path) -> dict[str, Any]:
    """Return accuracies of a logistic regression whose strength was chosen on the validation part."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, labels = _features(manifest, name, weights)
    models = [
        make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000)).fit(
            features["train"], labels["train"]
        )
        for strength in STRENGTHS
    ]
    best = max(models, key=lambda model: model.score(features["val"], labels["val"]))
    return {
        "strength": best[-1].C,
        "val_accuracy": best.score(features["val"], labels["val"]),
        "test_accuracy": best.score(features["test"], labels["test"]),
        "test_pictures": len(labels["test"]),
    }


def _features(manifest: Path, name: str, weights: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    import keras

    from beauty_mlflow.data.pipeline import batches
    from beauty_mlflow.data.splits.manifest import read_split
    from beauty_mlflow.networks.building import HEAD_PREFIX, build_transfer

    network, split = get_network(name), read_split(manifest)
    model = build_transfer(
        network,
        classes=len(split.classes),
        image_size=network.image_size,
        scaling=network.scaling,
        dropout=0.2,
        dense_units=512,
        precision="float32",
        seed=0,
    )
    model.load_weights(weights)
    trunk = keras.Model(model.input, model.get_layer(f"{HEAD_PREFIX}pooling").output)
    features, labels = {}, {}
    for part in ("train", "val", "test"):
        pictures = split.part(part)
        dataset = batches(pictures, size=network.image_size, resize="squash", batch_size=64)
        features[part] = np.concatenate([trunk(images, training=False) for images, _ in dataset])
        labels[part] = pictures.labels
    return features, labels


if __name__ == "__main__":
    main()
