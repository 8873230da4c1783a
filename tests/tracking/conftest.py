import io
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from PIL import Image

from beauty_mlflow.serving.package import save_package
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

CLASSES = ("Boxes, flat", "Größe 5", "Tubes", "Jars", "Pumps", "Sets", "Sprays")
SIZE = 16


@pytest.fixture
def store(store_uri, tmp_path, request, monkeypatch):
    """Each kind of store in turn, with an experiment of this test's own."""
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", request.node.originalname)
    return connect()


@pytest.fixture
def run(store):
    return Run.create(store, "a run")


@pytest.fixture
def local_run(local_store):
    """A run in the quickest store, for what doesn't depend on the store."""
    return Run.create(connect(), "a run")


@pytest.fixture
def python(tmp_path):
    """Run a script in a process of its own and return what it printed."""

    def start(script, *arguments, folder=tmp_path, options=()):
        command = [sys.executable, *options, "-c", textwrap.dedent(script), *map(str, arguments)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.strip()

    return start


@pytest.fixture(scope="session")
def picture_file():
    """The bytes of a small PNG."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


@pytest.fixture(scope="session")
def registered(tmp_path_factory, sqlite_template, picture_file):
    """A tiny model, version 1 of "shelf" and its champion: its SQLite store's URI, and the package."""
    folder = tmp_path_factory.mktemp("registered")
    shutil.copy(sqlite_template, folder / "mlflow.db")
    package = folder / "package"
    save_package(package, _tiny_network(), classes=CLASSES, image_size=SIZE, resize="squash", network="tiny")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        environment.setenv("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
        run = Run.create(connect(), "a run")
        with tracked(run):
            model_id = run.log_model(package, example=picture_file)
        client = run.store.client
        client.create_registered_model("shelf")
        client.create_model_version("shelf", source=f"models:/{model_id}", run_id=run.run_id, model_id=model_id)
        client.set_registered_model_alias("shelf", "champion", "1")
    return run.store.uri, package


def _tiny_network():
    import keras

    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((SIZE, SIZE, 3)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(len(CLASSES), activation="softmax"),
    ]
    return keras.Sequential(layers)
