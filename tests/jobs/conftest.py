import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from beauty_mlflow.cache.store import Cache
from beauty_mlflow.data.progress import silent_progress
from beauty_mlflow.data.sample import make_sample
from beauty_mlflow.data.splits.manifest import write_split
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data
from beauty_mlflow.features.boundaries import boundaries
from beauty_mlflow.features.planning import Stage
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.finetune import run as finetune

ROOT = Path(__file__).parents[2]
TINY = {
    "network": "tiny",
    "blocks": "1",
    "epochs": "2",
    "batch_size": "16",
    "dense_units": "8",
    "weights": "random",
}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """A small sample: 4 classes of 12 pictures."""
    folder = tmp_path_factory.mktemp("sample") / "boxes"
    make_sample(folder, classes=4, images=12, seed=0, progress=silent_progress)
    return folder


@pytest.fixture(scope="session")
def shared_manifest(tmp_path_factory, pictures):
    path = tmp_path_factory.mktemp("split") / "split.csv"
    options = SplitOptions(train=0.5, val=0.25, test=0.25)
    write_split(split_data(pictures, options, silent_progress).split, path)
    return path


@pytest.fixture
def manifest(tmp_path, shared_manifest):
    """A split of the small sample, the test's own copy of the manifest."""
    for path in (shared_manifest, shared_manifest.with_suffix(".json")):
        shutil.copy(path, tmp_path)
    return tmp_path / shared_manifest.name


@pytest.fixture
def tiny(manifest):
    """Parameters of a training that takes a second or two."""
    return {**TINY, "data": str(manifest)}


@pytest.fixture
def slow_trunk(monkeypatch):
    """A machine on which the frozen part costs much, whatever this one measures: to keep its activations pays."""

    def stages(_, trunk):
        names = boundaries(trunk.network)
        return [
            Stage(name, trunk.rows(name, 1).nbytes, extract_seconds=0.1, forward_seconds=5, train_seconds=5)
            for name in names
        ]

    monkeypatch.setattr("beauty_mlflow.jobs.feed_plans.measured_stages", stages)


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    """An empty cache that no other test has filled."""
    monkeypatch.setenv("BEAUTY_CACHE_DIR", str(tmp_path / "cache"))
    return Cache()


@pytest.fixture
def finetuned(tiny):
    """The id of a finished run in the store that the test uses."""
    return dict(finetune(Finetune.parse(tiny)))["run_id"]


@pytest.fixture
def beauty():
    """Run the command line in a process of its own."""

    def call(*arguments, **options):
        command = [sys.executable, "-m", "beauty_mlflow", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **options)

    return call
