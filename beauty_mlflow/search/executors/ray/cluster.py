"""The Ray cluster that RAY_ADDRESS names, or one that is started here, and how trials share its cores and GPUs."""

import logging
import math
import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray

from beauty_mlflow.errors import SweepError

ADDRESS = "RAY_ADDRESS"
_PATIENCE = 10.0  # seconds that a cluster has to answer
_OBJECT_STORE = 128 * 1024**2  # bytes; a manifest is all that goes through it
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # HTTP/2, which Ray speaks
_SETTINGS_FRAME = 4


@contextmanager
def connected() -> Iterator[None]:
    """Reach the cluster, or start one, which ends with the block.

    Raises:
        SweepError: It can't be reached, or none can be started.
    """
    if ray.is_initialized():
        yield
        return
    address = os.environ.get(ADDRESS, "")
    where = f"The Ray cluster at {address} ({ADDRESS})" if address else "A Ray cluster of this machine"
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        with _signal_handlers_kept():
            if address:
                _require_answer(address)
                ray.init(address=address, **quiet)
            else:
                ray.init(address="local", include_dashboard=False, object_store_memory=_OBJECT_STORE, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        what = "can't be reached" if address else "can't be started"
        raise SweepError(f"{where} {what}: {one_line(error)}. docs/decisions/ray.md says what it needs.") from None
    try:
        yield
    finally:
        with _signal_handlers_kept():
            ray.shutdown()


def living_nodes() -> list[dict[str, Any]]:
    """Return Ray's tables of the nodes that live."""
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def shares(slots: int) -> tuple[int, float]:
    """Return how many of the cluster's cores and GPUs each of so many trials at a time gets.

    Raises:
        SweepError: It has fewer cores than trials at a time.
    """
    nodes = [(int(one["Resources"].get("CPU", 0)), int(one["Resources"].get("GPU", 0))) for one in living_nodes()]
    cpus, gpus = share(nodes, slots)
    if not cpus:
        raise SweepError(
            f"The Ray cluster has {sum(cores for cores, _ in nodes)} cores for {slots} workers; give fewer workers."
        )
    return cpus, gpus


def share(nodes: Sequence[tuple[int, int]], slots: int) -> tuple[int, float]:
    """Return how many cores and GPUs each trial gets, such that all that run at a time fit on the nodes.

    Args:
        nodes: Each one's cores and GPUs. Where any has a GPU, the others are left out.
        slots: Trials at a time.

    Returns:
        Cores, 0 where there are too few; and GPUs, less than 1 where trials have to share one.
    """
    nodes = [node for node in nodes if node[1]] or nodes
    wholes = range(max((gpus for _, gpus in nodes), default=0), 0, -1)
    parts = [math.floor(1e4 / trials) / 1e4 for trials in range(2, slots + 1)] if wholes else []  # to Ray's precision

    def fitting(cpus: int, gpus: float) -> int:
        return sum(min(node[0] // cpus, int(node[1] / gpus) if gpus else slots) for node in nodes)

    for gpus in (*wholes, *parts) or (0,):
        for cpus in range(max((cpus for cpus, _ in nodes), default=0), 0, -1):
            if fitting(cpus, gpus) >= slots:
                return cpus, gpus
    return 0, 0


def _require_answer(address: str) -> None:
    """Raise OSError or ValueError unless something there speaks as Ray does; Ray itself would try for minutes."""
    if address == "auto":
        return
    host, colon, port = address.rpartition(":")
    if "://" in address or not colon or not port.isdecimal():
        message = "expected the head node's host:port, from a machine of the cluster"
        raise ValueError(message)
    with socket.create_connection((host.strip("[]"), int(port)), _PATIENCE) as connection:
        if os.environ.get("RAY_USE_TLS", "0") == "1":
            return
        connection.sendall(_HELLO)
        answer = connection.recv(_SETTINGS_FRAME)
    if len(answer) < _SETTINGS_FRAME or answer[3] != _SETTINGS_FRAME:
        message = "what answers there isn't Ray"
        raise ValueError(message)


@contextmanager
def _signal_handlers_kept() -> Iterator[None]:
    """Keep what this process does at a signal: Ray would end it on the spot, before its runs are closed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def one_line(error: BaseException) -> str:
    """Return what one of Ray's errors says, which is often a page."""
    return " ".join(str(error).split()).rstrip(".")
