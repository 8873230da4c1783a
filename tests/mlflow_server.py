"""Servers as the tests start them: a real tracking server on SQLite, or what else answers over HTTP."""

import contextlib
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from database_server import free_port
from waiting import until

START_SECONDS = 300


def server_command(folder):
    """Return a function from a port to the command of a server whose data lie in a folder."""

    def command(port):
        return [
            str(Path(sys.executable).with_name("mlflow")),
            "server",
            "--backend-store-uri",
            f"sqlite:///{folder / 'mlflow.db'}",
            "--artifacts-destination",
            str(folder / "artifacts"),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--workers",
            "1",
            "--allowed-hosts",
            f"127.0.0.1:{port},localhost:{port}",
        ]

    return command


def plain_environment(**more):
    """Return this process's environment without MLflow's settings and this package's, and with these."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "BEAUTY_"))}
    return {**plain, **more}


def start(command, folder, **environment):
    """Start a server in a folder, in a process group of its own; what it says is added to server.log there."""
    with (folder / "server.log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=plain_environment(**environment),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_until_it_answers(server, address, folder):
    """Return once a server that was started in a folder answers at an address; fail the test where it has ended."""

    def answers():
        with contextlib.suppress(OSError):
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310 - our own server
            return server.poll() is None
        return False

    until(answers, seconds=START_SECONDS, pause=0.1, process=server, log=folder / "server.log")


def end(server):
    """End a server's process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(20)
    kill(server)  # workers that outlived their parent


def kill(server):
    """End a server's process group as kill -9 does."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


@contextlib.contextmanager
def running(command, folder, *, port=None, ready="/health", **environment):
    """Start a server on a free port of loopback, yield its address once it answers, and end its process group.

    ``command`` makes the command line from the port; the server's log is server.log in ``folder``, where it runs.
    """
    port = str(port or free_port())
    uri = f"http://127.0.0.1:{port}"
    server = start(command(port), folder, **environment)
    try:
        wait_until_it_answers(server, f"{uri}{ready}", folder)
        yield uri
    finally:
        end(server)


class MortalServer:
    """A tracking server that a test kills and starts again, at the same address."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process = None

    def start(self):
        """Begin; it answers some seconds later."""
        command = server_command(self.folder)(self.port)
        self._process = start(command, self.folder, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")

    def wait(self):
        """Return once it answers."""
        wait_until_it_answers(self._process, f"{self.uri}/health", self.folder)

    def kill(self):
        """End it as kill -9 does, its workers too."""
        kill(self._process)
