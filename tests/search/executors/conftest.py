"""A real Ray cluster of two nodes on this machine, and what a driver does with one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from beauty_mlflow.search.executors.ray.cluster import ADDRESS
from beauty_mlflow.search.executors.ray.executor import RayExecutor

HERE = Path(__file__).parent
SMALL = {"num_cpus": 1, "object_store_memory": 100 * 1024**2, "env_vars": {"PYTHONPATH": f"{HERE}:{HERE.parents[2]}"}}
PATIENCE = 240  # seconds; generous, since other work may keep the machine busy


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one core each, which find the tests' work functions and the checkout that is tested."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={**SMALL, "include_dashboard": False})
    made.add_node(**SMALL)
    made.wait_for_nodes()
    yield made
    made.shutdown()


@pytest.fixture
def work(monkeypatch):
    """The module of the work functions."""
    monkeypatch.syspath_prepend(str(HERE))
    import ray_work

    return ray_work


@pytest.fixture
def executor(cluster, monkeypatch):
    """Return a function that makes an executor on the cluster; all are closed at the end."""
    monkeypatch.setenv(ADDRESS, cluster.address)
    made = []

    def make(function, **options):
        made.append(RayExecutor(function, **{"slots": 2, **options}))
        return made[-1]

    yield make
    for one in made:
        one.stop()
        one.close()


class Asked:
    """A listener that remembers what it was told, and answers as it is meant to."""

    def __init__(self, answer=None, keeps=True):
        self.runs, self.epochs = [], []
        self._answer, self._keeps = answer, keeps
        self._told = threading.Condition()

    def started(self, run):
        with self._told:
            self.runs.append(run)
            self._told.notify_all()

    def epoch(self, number, metrics):
        self.epochs.append((number, metrics))
        return self._answer is None or self._answer(number, metrics)

    def keeps_model(self, metrics):
        assert metrics
        return self._keeps

    def wait_for_runs(self, count):
        with self._told:
            assert self._told.wait_for(lambda: len(self.runs) >= count, PATIENCE), self.runs
        return self.runs


@pytest.fixture
def asked():
    """The kind of listener."""
    return Asked


@pytest.fixture
def small_node():
    """What a node of one core is made of."""
    return SMALL


@pytest.fixture
def slots():
    """Threads that wait for trials, as a driver's do."""
    threads = ThreadPoolExecutor(8)
    yield threads
    threads.shutdown(wait=False, cancel_futures=True)
