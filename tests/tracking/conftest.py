import io
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from PIL import Image

from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect


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
