import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from arguments import options, toml
from forks import environment_of, started

from beauty_mlflow.cache.store import Cache
from beauty_mlflow.data.splits.manifest import write_split
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data
from beauty_mlflow.features.boundaries import boundaries
from beauty_mlflow.features.planning import Stage
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.finetune import run as finetune
from beauty_mlflow.progress import silent_progress

ROOT = Path(__file__).parents[2]
TINY = {
    "network": "tiny",
    "blocks": "1",
    "epochs": "2",
    "batch_size": "16",
    "dense_units": "8",
    "weights": "random",
    "figures": "false",
}


# rates whose ends are sure: val_loss can hardly reach 5 unless a step is huge, and 1e30 gives nan
RATES = {"learns": 0.003, "is pruned": 10.0, "fails": 1e30, "learns nothing": 1e-30}
SWEEP = {
    "description": "Depths and rates of a test.",
    "objective": "best_val_loss",
    "confirm": 0,
    "sampler": "grid",
    "pruner": {"name": "ThresholdPruner", "arguments": {"upper": 5.0}},
    "parameters": {"recipe": "thesis"} | {name: value for name, value in TINY.items() if name != "blocks"},
    "space": {
        "blocks": {"type": "int", "low": 0, "high": 1},
        "learning_rate": {"type": "choice", "values": list(RATES.values())},
    },
}


class SweepPlace:
    """Stores, state and cache of sweeps that run as processes of their own, as a user would start them."""

    content = SWEEP

    def __init__(self, folder, data, server, uri=None):
        self.folder, self.data, self.server = folder, data, server
        self.uri = uri or f"sqlite:///{folder / 'mlflow.db'}"
        self.state = folder / "state"
        self.begun = ExitStack()  # what is still there when the test is over is killed

    @property
    def environment(self):
        return {
            **os.environ,
            "MLFLOW_TRACKING_URI": self.uri,
            "BEAUTY_STATE_DIR": str(self.state),
            "BEAUTY_CACHE_DIR": str(self.folder / "cache"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }

    def file(self, name="rates.toml", **changes):
        """Write a sweep file: ``SWEEP`` with these changes."""
        content = {**SWEEP, **changes}
        path = self.folder / name
        path.write_text(toml(content))
        return path

    def command(self, config, **given):
        words = options({"config": config, "data": self.data, **given})
        return [sys.executable, "-m", "beauty_mlflow", "sweep", *words]

    def start(self, config, **given):
        """Start a sweep in a process of its own, and return that."""
        return subprocess.Popen(
            self.command(config, **given),
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def begin(self, config, **given):
        """Start a sweep, itself and its trials as children of the fork server: nothing is imported anew.

        Returns its process and a function that waits for its end.
        """
        options = {"folder": ROOT, "environment": {**self.environment, **environment_of(self.server)}}
        return self.begun.enter_context(started(self.server, self.command(config, **given)[3:], self.folder, **options))

    def sweep(self, config, **given):
        """Run a sweep to its end, as ``begin``."""
        _, ended = self.begin(config, **given)
        return ended()

    def light(self, config, *, environment=(), **given):
        """Start a sweep whose trials have no network."""
        script = str(Path(__file__).with_name("light_sweep.py"))
        return subprocess.Popen(
            [sys.executable, script, *self.command(config, **given)[4:]],
            cwd=ROOT,
            env={**self.environment, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}", **dict(environment)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def use(self, monkeypatch):
        """Let this process see the place as well."""
        for name, value in self.environment.items():
            if name.startswith(("MLFLOW_", "BEAUTY_")):
                monkeypatch.setenv(name, value)

    @property
    def leftovers(self):
        """What trials have left of their state."""
        return list((self.state / "runs").iterdir())


@pytest.fixture
def sweep_place(tmp_path, manifest, sqlite_template, fork_server, monkeypatch):
    """An empty place for sweeps, which the test sees as well."""
    shutil.copy(sqlite_template, tmp_path / "mlflow.db")
    place = SweepPlace(tmp_path, manifest, fork_server)
    place.use(monkeypatch)
    with place.begun:
        yield place


@pytest.fixture(scope="session")
def shared_sweep(tmp_path_factory, shared_manifest, sqlite_template, fork_server):
    """A place where a sweep has ended: four trials complete, one pruned, one failed, the best two confirmed."""
    folder = tmp_path_factory.mktemp("sweep")
    shutil.copy(sqlite_template, folder / "mlflow.db")
    place = SweepPlace(folder, shared_manifest, fork_server)
    order = [(1, "learns nothing"), (0, "learns"), (1, "is pruned"), (1, "fails"), (1, "learns"), (0, "learns nothing")]
    start = [{"blocks": blocks, "learning_rate": RATES[word]} for blocks, word in order]
    place.config = place.file(trials=6, confirm=2, confirm_seeds=2, start=start)
    place.done = place.sweep(place.config).require()
    return place


@pytest.fixture
def finished_sweep(shared_sweep, monkeypatch):
    """The shared sweep, seen by the test; a test leaves it as it was."""
    shared_sweep.use(monkeypatch)
    return shared_sweep


@pytest.fixture(scope="session")
def pictures(draw_sample):
    """A small sample."""
    return draw_sample(classes=4, images=12)


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


@pytest.fixture(scope="session")
def shared_model(lasting_store, shared_manifest):
    """A store with one finished training in it: its URI and the run's id."""
    with lasting_store("model") as uri:
        return uri, dict(finetune(Finetune.parse({**TINY, "data": str(shared_manifest)})))["run_id"]


@pytest.fixture
def logged_model(shared_model, monkeypatch):
    """The id of the shared training's run, in the store that the test sees; a test leaves both as they were."""
    uri, run_id = shared_model
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return run_id
