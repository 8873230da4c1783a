"""Small networks whose weights are far from trivial, and pictures on disk, for the features room's tests."""

import functools

import keras
import numpy as np
import pytest
from PIL import Image

from beauty_mlflow.cache.store import Cache
from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.features.trunk import Trunk
from beauty_mlflow.networks.building import build_transfer
from beauty_mlflow.networks.statistics import set_batch_norm_statistics
from beauty_mlflow.networks.table import get_network


@pytest.fixture(scope="session")
def noise():
    """Make a function that draws random pictures, float32 [count, size, size, 3] in 0..255."""

    def noise(count, size, seed=0):
        return np.random.default_rng(seed).uniform(0, 255, (count, size, size, 3)).astype(np.float32)

    return noise


@pytest.fixture(scope="session")
def build(noise):
    """Make a function that builds a network whose batch normalisation does something: no mean is 0, no factor 1."""

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
        model = build_transfer(network, **choices | changes)
        random = np.random.default_rng(1)
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                for weight in layer.trainable_weights:
                    low, high = (0.5, 1.5) if weight.name == "gamma" else (-0.3, 0.3)
                    weight.assign(random.uniform(low, high, weight.shape))
        set_batch_norm_statistics(model, [noise(16, model.input_shape[1])])
        return model

    return build


@pytest.fixture(scope="session")
def built(build):
    """The same, but a network that was asked for before is that one: a test leaves it as it was."""
    return functools.cache(build)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "entries")


@pytest.fixture
def make_trunk(build):
    """Make a function that builds a tiny network as a trunk; any of the trunk's attributes can be replaced."""

    def make(model=None, **changes):
        size = changes.get("size", 16)
        precision = changes.get("precision", "float32")
        model = model or build(image_size=size, precision=precision)
        about = {
            "network": get_network("tiny"),
            "size": size,
            "resize": "squash",
            "scaling": "unit",
            "precision": precision,
        }
        return Trunk(model, **about | changes)

    return make


@pytest.fixture
def make_pictures(tmp_path):
    """Make a function that writes pictures of noise and returns them; keys are drawn, so their order is another."""

    def make(count=40, folder="pictures", seed=0):
        (tmp_path / folder).mkdir(exist_ok=True)
        random = np.random.default_rng(seed)
        for number in range(count):
            blocks = random.integers(0, 256, (3, 4, 3), np.uint8)
            Image.fromarray(blocks).resize((24, 20), Image.Resampling.NEAREST).save(tmp_path / folder / f"{number}.png")
        keys = random.integers(0, 2**63, count).astype(np.uint64)
        labels = np.arange(count, dtype=np.int32) % 3
        names = tuple(f"{number}.png" for number in range(count))
        return Pictures(tmp_path / folder, names, labels, keys, ("a", "b", "c"))

    return make
