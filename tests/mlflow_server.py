"""A real tracking server on SQLite, as the tests start it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from database_server import free_port

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


class MortalServer:
    """A server that a test kills and starts again, at the same address."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process = None

    def start(self):
        """Begin; it answers some seconds later."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "BEAUTY_"))}
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                server_command(self.folder)(self.port),
                cwd=self.folder,
                env={**environment, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self):
        """Return once it answers."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=5).close()  # noqa: S310 - our own server
            except OSError:
                assert time.monotonic() < deadline, (self.folder / "server.log").read_text()[-2000:]
                time.sleep(0.1)
            else:
                return

    def kill(self):
        """End it as kill -9 does, its workers too."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
