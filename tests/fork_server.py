"""Imports everything once and then runs commands in forked children, each of which begins at once. Usage: FOLDER.

It listens on ``socket`` in FOLDER. A request is a line of JSON with three open files beside it, the child's standard
streams; the answers are a line with the child's number, and one with its status as it has ended. Who hangs up kills
the child. TensorFlow has been imported here but has done nothing yet: a runtime that had would not survive the fork.
"""

import importlib
import itertools
import json
import os
import pkgutil
import resource
import select
import signal
import socket
import sys
from pathlib import Path

from mlflow import MlflowClient

import beauty_mlflow
from beauty_mlflow import cli
from beauty_mlflow.jobs import sweeping, trial

ALSO = (  # what is imported only where it is used
    "cleanlab.filter",
    "keras",
    "mlflow.keras",
    "mlflow.pyfunc",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "optuna.visualization.matplotlib",
    "pyarrow.pandas_compat",
    "scipy.fftpack",
    "sklearn.manifold",
    "sklearn.metrics",
    "sklearn.neighbors",
    "sqlalchemy.dialects.sqlite",
)
NEEDLESS = ("beauty_mlflow.__main__", "beauty_mlflow.search.executors.ray.", "beauty_mlflow.jobs.trial_elsewhere")


def import_everything():
    modules = (found.name for found in pkgutil.walk_packages(beauty_mlflow.__path__, "beauty_mlflow."))
    for name in (*modules, *ALSO):
        if not name.startswith(NEEDLESS):
            importlib.import_module(name)


def die_before(method, number):
    """Let this process end as by kill -9 before a call of one of the client's methods: its first, second, ..."""
    call, calls = getattr(MlflowClient, method), itertools.count(1)

    def last(*given, **named):
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*given, **named)

    setattr(MlflowClient, method, last)


def child(request, streams):
    """Run a command as its own process would; returns where that ends without an exit."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    if request["cgroup"]:
        Path(request["cgroup"], "cgroup.procs").write_text(str(os.getpid()))
    if request["spare"]:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + request["spare"], -1))
    if request["dies_before"]:
        die_before(*request["dies_before"])
    if request["arguments"]:
        cli.main(request["arguments"])
    trial.main()


def attend(connection, number):
    """Tell the child's status when it ends, and end it when nobody listens any more."""
    ended = os.pidfd_open(number)
    connection.sendall(f"{number}\n".encode())
    ready, _, _ = select.select([connection, ended], [], [])
    if connection in ready:
        os.kill(number, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    if connection not in ready:
        connection.sendall(f"{status}\n".encode())


def serve(listener):
    """Fork a process for each request, which forks the child; returns in the child alone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = listener.accept()
        if os.fork():
            connection.close()
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        listener.close()
        message, streams, _, _ = socket.recv_fds(connection, 2**20, 3)
        while not message.endswith(b"\n"):
            message += connection.recv(2**20)
        number = os.fork()
        if number == 0:
            connection.close()
            return json.loads(message), streams
        for stream in streams:
            os.close(stream)
        try:
            attend(connection, number)
        finally:
            os._exit(0)


def main():
    folder = Path(sys.argv[1])
    import_everything()
    sweeping.TRIAL_MODULE = "forked_command"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen()
        request, streams = serve(listener)
    child(request, streams)


main()
