"""Asks the fork server for commands."""

import json
import os
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOCKET = "FORK_SERVER"
PATIENCE = 900
STDOUT, STDERR = "said.out", "said.err"


@dataclass
class Done:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str

    def require(self, status=0):
        assert self.returncode == status, f"status {self.returncode}\n{self.stdout}\n{self.stderr[-3000:]}"
        assert "Traceback" not in self.stderr
        return self


class Forked:
    """A child of the fork server's.

    Args:
        address: The server's socket.
        arguments: The command line's; none: it is a search's trial.
        streams: Its standard input, output and error.
        folder: Where it runs.
        environment: All of it.
        spare: Bytes of address space that it may take beyond what it begins with; 0 is no limit.
        cgroup: Folder of the control group that it runs in; empty is the server's own.
        dies_before: A method of MLflow's client, and the number of the call before which it is killed.
    """

    def __init__(self, address, arguments, streams, *, folder, environment, spare=0, cgroup="", dies_before=()):
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(address))
        request = {
            "arguments": [str(word) for word in arguments],
            "folder": str(folder),
            "environment": dict(environment),
            "spare": spare,
            "cgroup": str(cgroup),
            "dies_before": dies_before,
        }
        message = (json.dumps(request) + "\n").encode()
        sent = socket.send_fds(self._connection, [message], streams)
        self._connection.sendall(message[sent:])
        self._answers = self._connection.makefile()
        self.number = int(self._answers.readline())

    def kill(self, signal_number):
        os.kill(self.number, signal_number)

    def wait(self, timeout=None):
        """Return the status: negative where a signal ended it."""
        self._connection.settimeout(timeout)
        return int(self._answers.readline())

    def close(self):
        """Hang up, which kills it if it is still there."""
        self._answers.close()
        self._connection.close()


def environment_of(folder):
    """Return what a sweep's process needs so that its trials are children of the fork server in a folder."""
    return {SOCKET: str(folder / "socket"), "PYTHONPATH": str(Path(__file__).parent)}


@contextmanager
def started(server, arguments, logs, **options):
    """Start a command of the server in a folder, what it prints going to files of another one.

    Yields it and a function that waits for its end and returns how that was.
    """
    paths = [logs / name for name in (STDOUT, STDERR)]
    with open(os.devnull) as nothing, paths[0].open("w") as out, paths[1].open("w") as err:  # noqa: PTH123
        streams = [stream.fileno() for stream in (nothing, out, err)]
        command = Forked(server / "socket", arguments, streams, **options)

    def ended():
        status = command.wait(PATIENCE)
        return Done(status, *(path.read_text() for path in paths))

    try:
        yield command, ended
    finally:
        command.close()
