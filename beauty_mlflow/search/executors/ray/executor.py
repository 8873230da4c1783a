"""Trials as tasks of a Ray cluster: its scheduling, its resources, its retries where a node dies."""

import asyncio
import os
import sys
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, redirect_stdout, suppress
from types import TracebackType
from typing import Any, Self

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from beauty_mlflow.errors import BeautyError
from beauty_mlflow.search.executors.base import End, Listener, Outcome, Task
from beauty_mlflow.search.executors.places import Places
from beauty_mlflow.search.executors.ray.cluster import connected, living_nodes, one_line, shares

Work = Callable[[Mapping[str, Any], Listener], Outcome]
_CONTENT, _STARTED, _EPOCH, _KEEPS_MODEL, _OVER = "content", "started", "epoch", "keeps_model", "over"
_RETRIES = 1  # of a task whose node or process died, by Ray itself; the search tries it again after that
_GRACE = 60.0  # seconds that a trial has to close its run


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
            stack.enter_context(connected())
            self._cpus, self._gpus = shares(slots)
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
        return sorted({node["NodeManagerHostname"] for node in living_nodes()})

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
            return Outcome("failed", reason=f"{name}{one_line(error.cause)}")
        except ray.exceptions.RayError as error:
            return Outcome("interrupted") if self._stopped else Outcome("died", reason=one_line(error))
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
        living = {node["NodeID"] for node in living_nodes()} if nodes else set()
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
