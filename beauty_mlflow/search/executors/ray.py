"""Trials as tasks of a Ray cluster: its scheduling, its resources, its retries where a node dies."""

import asyncio
import logging
import math
import os
import signal
import socket
import sys
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from types import TracebackType
from typing import Any, Self

from beauty_mlflow.errors import BeautyError, SweepError
from beauty_mlflow.search.executors.base import End, Listener, Outcome, Task
from beauty_mlflow.search.executors.places import Places

_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what Ray is going to do anyway; otherwise it warns each time
}
for _name, _value in _SETTINGS.items():
    os.environ.setdefault(_name, _value)

try:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ModuleNotFoundError:
    raise SweepError("executor=ray needs Ray: pip install 'beauty-mlflow[ray]', or leave executor at local.") from None

Work = Callable[[Mapping[str, Any], Listener], Outcome]
ADDRESS = "RAY_ADDRESS"
_CONTENT, _STARTED, _EPOCH, _KEEPS_MODEL, _OVER = "content", "started", "epoch", "keeps_model", "over"
_RETRIES = 1  # of a task whose node or process died, by Ray itself; the search tries it again after that
_GRACE = 60.0  # seconds that a trial has to close its run
_PATIENCE = 10.0  # seconds that a cluster has to answer
_OBJECT_STORE = 128 * 1024**2  # bytes; a manifest is all that goes through it
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # HTTP/2, which Ray speaks
_SETTINGS_FRAME = 4


class RayExecutor:
    """Runs trials as tasks on the cluster that RAY_ADDRESS names, or on one that is started here.

    It is a context: what was started here ends with it.

    Args:
        work: What a task does: from its content and a listener to its outcome. It is sent by name.
        slots: Trials at a time, among which the cluster's cores and GPUs are shared evenly.
        common: What all tasks' contents have in common; it is sent once.
        retries: How often Ray runs a task again whose node or process has died. It then goes on from the run that it
            had told.

    Raises:
        SweepError: The cluster can't be reached, or has fewer cores than trials at a time.
    """

    def __init__(
        self, work: Work, *, slots: int, common: Mapping[str, Any] | None = None, retries: int = _RETRIES
    ) -> None:
        self.slots = slots
        self._work, self._retries = work, retries
        self._tasks: set[Any] = set()
        self._places = Places()
        self._lock = threading.Lock()
        self._stopped = False
        with ExitStack() as stack:
            stack.enter_context(redirect_stdout(sys.stderr))  # where Ray says that a node or a task has died
            stack.enter_context(_connected())
            self._cpus, self._gpus = _shares(slots)
            here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
            options = {"num_cpus": 0, "scheduling_strategy": here, "max_concurrency": 4 * slots + 10}
            mailbox: Any = ray.remote(_Mailbox).options(**options).remote()
            stack.callback(ray.kill, mailbox)
            self._common: Any = ray.put(dict(common or {}))
            self._mailbox, self._open = mailbox, stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def machines(self) -> Sequence[str]:
        """The names of the machines that the cluster's nodes are on."""
        return sorted({node["NodeManagerHostname"] for node in _nodes()})

    def close(self) -> None:
        """Leave the cluster; end it if it was started here."""
        self._open.close()

    def run(self, task: Task, listener: Listener, slot: int) -> Outcome:
        """See ``Executor``."""
        del slot
        key = uuid.uuid4().hex
        options = {
            "num_cpus": self._cpus,
            "num_gpus": self._gpus,
            "max_retries": self._retries,
            "scheduling_strategy": self._strategy(task.reuses),
        }
        with self._lock:
            if self._stopped:
                return Outcome("interrupted")
            done = _task.options(**options).remote(self._work, self._common, self._mailbox, key, self._cpus)
            self._tasks.add(done)
        try:
            self._answer(done, key, task, listener)
            end, metrics, reason = ray.get(done)
            return Outcome(end, metrics, reason)
        except ray.exceptions.TaskCancelledError:
            return Outcome("interrupted")
        except ray.exceptions.RayTaskError as error:
            name = "" if isinstance(error.cause, BeautyError) else f"{type(error.cause).__name__}: "
            return Outcome("failed", reason=f"{name}{_one_line(error.cause)}")
        except ray.exceptions.RayError as error:
            return Outcome("interrupted") if self._stopped else Outcome("died", reason=_one_line(error))
        finally:
            with self._lock:
                self._tasks.discard(done)
            self._mailbox.close.remote(key)
            self._places.left(key)

    def stop(self) -> None:
        """End what runs, as Ctrl-C does; what doesn't end then is killed."""
        with self._lock:
            self._stopped = True
            tasks = list(self._tasks)
        for task in tasks:
            ray.cancel(task)
        if tasks:
            _, left = ray.wait(tasks, num_returns=len(tasks), timeout=_GRACE)
            for task in left:
                with suppress(ray.exceptions.RayError):
                    ray.cancel(task, force=True)

    def _strategy(self, reuses: str) -> Any:  # noqa: ANN401 - Ray's
        """Ask for a node that has a task's intermediate results, where one has room; else for any."""
        nodes = self._places.having(reuses)
        living = {node["NodeID"] for node in _nodes()} if nodes else set()
        node = next((one for one in nodes if one in living), None)
        return NodeAffinitySchedulingStrategy(node, soft=True, _spill_on_unavailable=True) if node else "DEFAULT"

    def _answer(self, done: Any, key: str, task: Task, listener: Listener) -> None:  # noqa: ANN401 - Ray's
        """Answer the task's questions until it is done. A task that Ray starts again goes on from its earlier run."""
        content = dict(task.content)
        while True:
            asked = self._mailbox.next.remote(key)
            ready, _ = ray.wait([asked, done], num_returns=1)
            if asked not in ready:
                return
            number, kind, message = ray.get(asked)
            answer: Any = None
            match kind:
                case "content":
                    self._places.entered(key, message)
                    answer = content
                case "started":
                    content["continues"] = message
                    listener.started(message)
                case "epoch":
                    self._places.made(key, task.reuses)
                    answer = listener.epoch(*message)
                case "keeps_model":
                    answer = listener.keeps_model(message)
            self._mailbox.answer.remote(number, answer)


@ray.remote(max_calls=1)  # what a trial took ends with its process
def _task(
    work: Work,
    common: Mapping[str, Any],
    mailbox: Any,  # noqa: ANN401 - Ray's
    key: str,
    cpus: int,
) -> tuple[End, dict[str, float], str]:
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(cpus)
    if ray.get_gpu_ids():
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # several may share one
    os.environ.pop("MLFLOW_RUN_ID", None)
    listener = _RayListener(mailbox, key)
    node = ray.get_runtime_context().get_node_id()
    outcome = work({**common, **listener.ask(_CONTENT, node)}, listener)
    return outcome.end, dict(outcome.metrics), outcome.reason


class _RayListener:
    """In the task: hands everything to the driver."""

    def __init__(self, mailbox: Any, key: str) -> None:  # noqa: ANN401 - Ray's
        self._mailbox, self._key = mailbox, key

    def started(self, run: str) -> None:
        self.ask(_STARTED, run)

    def epoch(self, number: int, metrics: Mapping[str, float]) -> bool:
        return bool(self.ask(_EPOCH, (number, dict(metrics))))

    def keeps_model(self, metrics: Mapping[str, float]) -> bool:
        return bool(self.ask(_KEEPS_MODEL, dict(metrics)))

    def ask(self, kind: str, message: Any) -> Any:  # noqa: ANN401 - whatever is asked
        return ray.get(self._mailbox.ask.remote(self._key, kind, message))


class _Mailbox:
    """Carries questions from tasks to the driver, and answers back; it lives on the driver's own node."""

    def __init__(self) -> None:
        self._questions: defaultdict[str, asyncio.Queue[tuple[int, str, Any]]] = defaultdict(asyncio.Queue)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._asked = 0

    async def ask(self, key: str, kind: str, message: Any) -> Any:  # noqa: ANN401 - whatever is asked
        """Put a question, and return the answer when it comes."""
        self._asked += 1
        number = self._asked
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._questions[key].put((number, kind, message))
        return await self._answers[number]

    async def next(self, key: str) -> tuple[int, str, Any]:
        """Return a task's next question when it comes."""
        return await self._questions[key].get()

    async def answer(self, number: int, answer: Any) -> None:  # noqa: ANN401 - as above
        """Answer a question; nobody waits any more where the task has died."""
        waiting = self._answers.pop(number)
        if not waiting.done():
            waiting.set_result(answer)

    async def close(self, key: str) -> None:
        """Forget a task; whoever waits for its next question gets the word that it is over."""
        self._questions.pop(key, asyncio.Queue()).put_nowait((0, _OVER, None))


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


def _nodes() -> list[dict[str, Any]]:
    """Return Ray's tables of the nodes that live."""
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def _shares(slots: int) -> tuple[int, float]:
    nodes = [(int(one["Resources"].get("CPU", 0)), int(one["Resources"].get("GPU", 0))) for one in _nodes()]
    cpus, gpus = share(nodes, slots)
    if not cpus:
        raise SweepError(
            f"The Ray cluster has {sum(cores for cores, _ in nodes)} cores for {slots} workers; give fewer workers."
        )
    return cpus, gpus


@contextmanager
def _connected() -> Iterator[None]:
    """Reach the cluster, or start one, which ends with the block."""
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
        raise SweepError(f"{where} {what}: {_one_line(error)}. docs/decisions/ray.md says what it needs.") from None
    try:
        yield
    finally:
        with _signal_handlers_kept():
            ray.shutdown()


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


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")
