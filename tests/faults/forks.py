"""Asks the fork server for commands, and is what a sweep starts for each of its trials (``python -m``)."""

import json
import os
import socket
from pathlib import Path

SOCKET = "FORK_SERVER"


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
        status = int(self._answers.readline())
        self._answers.close()
        self._connection.close()
        return status


def environment_of(folder):
    """Return what a sweep's process needs so that its trials are children of the fork server in a folder."""
    return {SOCKET: str(folder / "socket"), "PYTHONPATH": str(Path(__file__).parent)}
