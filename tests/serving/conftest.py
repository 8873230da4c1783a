"""A tiny network with all in it that could go wrong on the way: scaling, batch norm, dropout, softmax."""

import io

import keras
import numpy as np
import pytest
from PIL import Image

from beauty_mlflow.serving.package import save_package

CLASSES = ("Boxes, flat", "Größe 5", "Tubes")
SIZE = 16


@pytest.fixture(scope="session")
def network():
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.layers.Input((SIZE, SIZE, 3), name="image"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(len(CLASSES), activation="softmax", kernel_initializer="random_normal"),
        ]
    )
    model.layers[-1].set_weights([w * 300 for w in model.layers[-1].get_weights()])
    return model


@pytest.fixture
def about():
    """How to use the network, as keyword arguments of save_package."""
    return {"classes": CLASSES, "image_size": SIZE, "resize": "squash", "network": "tiny"}


@pytest.fixture
def package(tmp_path, network, about):
    folder = tmp_path / "package"
    save_package(folder, network, **about)
    return folder


@pytest.fixture
def make_picture():
    """Return the bytes of a PNG of noise."""

    def make(seed=0, size=(20, 30), kind="PNG"):
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, kind)
        return stream.getvalue()

    return make
