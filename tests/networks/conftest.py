"""Small networks and pictures for the networks room's tests."""

import numpy as np
import pytest

from beauty_mlflow.networks.building import build_transfer
from beauty_mlflow.networks.table import get_network


@pytest.fixture
def build():
    """Make a function that builds a small transfer network: tiny, 3 classes, 32 px, unless told otherwise."""

    def build(name="tiny", **changes):
        network = get_network(name)
        choices = {
            "classes": 3,
            "image_size": max(network.minimum_size, 32),
            "scaling": network.scaling,
            "dropout": 0.2,
            "dense_units": 8,
            "precision": "float32",
            "seed": 0,
        }
        return build_transfer(network, **choices | changes)

    return build


@pytest.fixture
def pictures():
    """Make a function that draws random pictures, float32 [count, size, size, 3] in 0..255."""

    def pictures(count=4, size=32, seed=0):
        return np.random.default_rng(seed).uniform(0, 255, (count, size, size, 3)).astype(np.float32)

    return pictures


@pytest.fixture
def equal_weights():
    """Make a function that compares two lists of arrays."""

    def equal_weights(left, right):
        return len(left) == len(right) and all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))

    return equal_weights
