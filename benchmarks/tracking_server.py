"""A tracking server of a benchmark's own, on loopback."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from machine import BenchmarkError

# as deploy/mlflow-server.sh has them, which says why
SETTINGS = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "QueuePool",
    "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "60",
}
START_SECONDS = 300
END_SECONDS = 20


@contextmanager
def tracking_server(folder: Path, database: Path | str) -> Iterator[str]:
    """Yield the address of a new `mlflow server` that keeps everything in a folder.

    Args:
        folder: Made where it is missing.
        database: An SQLite store whose tables are made, which is copied; or the URL of a database that it uses instead.

    Raises:
        BenchmarkError: It doesn't start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    url = database if isinstance(database, str) else f"sqlite:///{shutil.copy(database, folder / 'mlflow.db')}"
    port = free_port()
    with server_of(_command(folder, url, port), port, folder, **SETTINGS) as uri:
        yield uri


def make_tables(path: Path) -> Path:
    """Make an empty SQLite store, in a process of its own, and return its path."""
    script = "import sys, mlflow; mlflow.MlflowClient(sys.argv[1]).search_experiments()"
    subprocess.run([sys.executable, "-c", script, f"sqlite:///{path}"], check=True, stderr=subprocess.DEVNULL)
    return path


@contextmanager
def server_of(
    command: list[str], port: int, folder: Path, *, ready: str = "/health", **environment: str
) -> Iterator[str]:
    """Run a command that serves on a port of loopback; yield its address once it answers.

    Args:
        command: What to start; its whole process group is ended.
        port: Where it listens.
        folder: Where it runs; its log is server.log there.
        ready: The path of an address that is answered with a status below 400.
        environment: Beyond this process's.

    Raises:
        BenchmarkError: It doesn't start.
    """
    log = folder / "server.log"
    uri = f"http://127.0.0.1:{port}"
    with log.open("wb") as stream:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait(f"{uri}{ready}", server, log)
            yield uri
        finally:
            _end(server)


def _command(folder: Path, url: str, port: int) -> list[str]:
    return [
        str(Path(sys.executable).with_name("mlflow")),
        "server",
        *("--backend-store-uri", url),
        *("--artifacts-destination", str(folder / "artifacts")),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--allowed-hosts", f"127.0.0.1:{port}"),
    ]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def process_of(uri: str) -> int:
    """Return the number of the process that this one has started as the server at an address.

    It leads the group of all that serve there.
    """
    port = uri.rpartition(":")[2]
    (found,) = (child.pid for child in psutil.Process().children() if port in child.cmdline())
    return int(found)


def _wait(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310 - our own server
        except OSError:
            time.sleep(0.2)
        else:
            return
    last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    why = f"didn't start within {START_SECONDS} s" if server.poll() is None else "ended as it started"
    raise BenchmarkError(f"the server {why}; {log} ends with:\n{last}")


def _end(server: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended by itself
        os.killpg(server.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(END_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)  # workers that outlived their parent
    server.wait()
