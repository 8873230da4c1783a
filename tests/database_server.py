"""A PostgreSQL server of the tests' own."""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import pytest
from lacking import lacks

USER = "tester"
PASSWORD = "se:c/r@t"  # noqa: S105 - of a server that only this machine sees, for as long as the tests run
SERVER_USER = "postgres"
START_SECONDS = 120


class PostgreSQL:
    """A real server on loopback with a folder of its own; a database for whoever asks."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        found = shutil.which("initdb") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), None)
        if not found:
            lacks("PostgreSQL isn't installed")
        self.programs = Path(found).resolve().parent
        self.process = None

    def start(self):
        os.chmod(self.folder, 0o755)  # noqa: PTH101, S103 - the server's own user has to get in
        (self.folder / "password").write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (self.folder, self.folder / "password"):
                shutil.chown(path, SERVER_USER)
        access = ["-U", USER, "-A", "scram-sha-256", "--pwfile", "password"]
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
        return f"postgresql://{USER}:se%3Ac%2Fr%40t@127.0.0.1:{self.port}/{name}"

    def execute(self, statement):
        import psycopg

        options = {"host": "127.0.0.1", "port": self.port, "user": USER, "password": PASSWORD, "dbname": "postgres"}
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


@contextlib.contextmanager
def postgresql_server():
    """Run one, and remove what it kept."""
    folder = Path(tempfile.mkdtemp(prefix=f"beauty-{getpass.getuser()}-"))  # a short path: it holds a socket
    server = PostgreSQL(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
