import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE))  # for what this room's tests share with the processes that they start

from database_server import postgresql_server  # noqa: E402
from light_search import Books  # noqa: E402

from beauty_mlflow.search.storages import open_storage  # noqa: E402


@pytest.fixture(scope="session")
def postgresql():
    with postgresql_server() as server:
        yield server


@pytest.fixture
def kind():
    """The kind of storage, where a test isn't about all of them."""
    return "sqlite"


@pytest.fixture
def place(kind, tmp_path, request):
    """Where a storage of this kind, not made yet, is."""
    if kind == "postgresql":
        return request.getfixturevalue("postgresql").database()
    return {"sqlite": str(tmp_path / "trials.db"), "journal": str(tmp_path / "trials.journal")}.get(kind, kind)


@pytest.fixture
def opened(place):
    """Open the test's storage, once more each time; memory's is always the same."""
    storages = []

    def call(**options):
        if place == "memory" and storages:
            return storages[0]
        storages.append(open_storage(place, **options))
        return storages[-1]

    yield call
    for storage in storages:
        storage.close()


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path / "books.jsonl")


@pytest.fixture
def light_trials(monkeypatch):
    """Let processes that are started find light_trial, what it shares with the tests, and the tested checkout."""
    monkeypatch.setenv("PYTHONPATH", f"{HERE}:{HERE.parents[1]}")


class Process:
    """A process that works on the test's study; see driver_process.py."""

    def __init__(self, settings):
        command = [sys.executable, str(HERE / "driver_process.py"), json.dumps(settings)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def wait_for(self, word):
        for line in self.process.stdout:
            if line.startswith(word):
                return line
        return pytest.fail(f"it ended without {word}: {self.process.stderr.read()}")

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)

    def rest(self):
        """Let it end; return its last line and what it wrote to stderr."""
        output, errors = self.process.communicate(timeout=300)
        return output.strip().rpartition("\n")[2], errors


@pytest.fixture
def start_driver(place, tmp_path, light_trials):
    """Start a process that works on the test's study."""
    started = []

    def call(**settings):
        started.append(Process({"storage": place, "trials": 4, "folder": str(tmp_path), **settings}))
        return started[-1]

    yield call
    for one in started:
        one.process.kill()
        one.process.communicate()
