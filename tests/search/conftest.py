import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE))  # for what this room's tests share with the processes that they start

from light_search import Books  # noqa: E402

from beauty_mlflow.search.storages import open_storage  # noqa: E402

PASSWORD = "se:c/r@t"  # noqa: S105 - of a server that only this machine sees, for as long as the tests run
SERVER_USER = "postgres"
START_SECONDS = 120


class PostgreSQL:
    """A real server on loopback with a folder of its own; a database for whoever asks."""

    def __init__(self, folder):
        self.folder = folder
        self.port = _free_port()
        found = shutil.which("initdb") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), None)
        if not found:
            pytest.skip("PostgreSQL isn't installed")
        self.programs = Path(found).resolve().parent
        self.process = None

    def start(self):
        os.chmod(self.folder, 0o755)  # noqa: PTH101, S103 - the server's own user has to get in
        (self.folder / "password").write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (self.folder, self.folder / "password"):
                shutil.chown(path, SERVER_USER)
        access = ["-U", "tester", "-A", "scram-sha-256", "--pwfile", "password"]
        self._run("initdb", "-D", "data", "-N", *access, wait=True)
        self.start_again()

    def start_again(self):
        options = ["-F", "-h", "127.0.0.1", "-p", str(self.port), "-k", str(self.folder)]
        self.process = self._run("postgres", "-D", "data", *options)
        deadline = time.monotonic() + START_SECONDS
        while self._run("pg_isready", "-h", "127.0.0.1", "-p", str(self.port), "-q", wait=True, check=False):
            if time.monotonic() > deadline or self.process.poll() is not None:
                pytest.fail(f"PostgreSQL didn't start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.1)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)

    def database(self):
        """Return the URL of a new database."""
        name = f"trials_{uuid.uuid4().hex[:8]}"
        self.execute(f"CREATE DATABASE {name}")
        return f"postgresql://tester:se%3Ac%2Fr%40t@127.0.0.1:{self.port}/{name}"

    def execute(self, statement):
        import psycopg

        options = {"host": "127.0.0.1", "port": self.port, "user": "tester", "password": PASSWORD, "dbname": "postgres"}
        with psycopg.connect(**options, autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, program, *arguments, wait=False, check=True):
        command = [str(self.programs / program), *arguments]
        other = {"user": SERVER_USER, "group": SERVER_USER, "extra_groups": []} if os.geteuid() == 0 else {}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, **other)
        if not wait:
            return process
        status = process.wait()
        if check and status:
            pytest.fail(f"{program} ended with {status}: {(self.folder / 'log').read_text()[-2000:]}")
        return status


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def postgresql():
    folder = Path(tempfile.mkdtemp(prefix=f"beauty-{getpass.getuser()}-"))  # a short path: it holds a socket
    server = PostgreSQL(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


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
    """Let processes that are started find light_trial and what it shares with the tests."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))


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
