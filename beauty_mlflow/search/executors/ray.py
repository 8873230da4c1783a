"""Trials as tasks of a Ray cluster: its scheduling, its resources, its retries where a node dies."""

import asyncio
import logging
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from beauty_mlflow.errors import SweepError
from beauty_mlflow.search.executors.base import End, Listener, Outcome, Task

try:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ModuleNotFoundError:
    raise SweepError("executor=ray needs Ray: pip install 'beauty-mlflow[ray]', or leave executor at local.") from None

Work = Callable[[Mapping[str, Any], Listener], Outcome]
_CONTENT, _STARTED, _EPOCH, _KEEPS_MODEL = "content", "started", "epoch", "keeps_model"
_RETRIES = 3  # of a task whose node or process died; by Ray itself
_GRACE = 60.0  # seconds that a trial has to close its run


class RayExecutor:
    """Runs trials as tasks on the cluster that RAY_ADDRESS names, or on one that is started here.

    Args:
        work: What a task does: from its content and a listener to its outcome. It is sent by name.
        slots: Trials at a time, among which the cluster's cores and GPUs are shared evenly.

    Raises:
        SweepError: The cluster can't be reached, or has fewer cores than trials at a time.
    """

    def __init__(self, work: Work, *, slots: int) -> None:
        self.slots = slots
        self._work = work
        self._tasks: set[Any] = set()
        self._lock = threading.Lock()
        self._stopped = False
        address = os.environ.get("RAY_ADDRESS")
        try:
            if not ray.is_initialized():
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            where = f"The Ray cluster at {address}" if address else "A Ray cluster of this machine"
            raise SweepError(f"{where} can't be reached or started: {' '.join(str(error).split())}") from None
        resources: Mapping[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        self._cpus = int(resources.get("CPU", 0)) // slots
        if self._cpus < 1:
            raise SweepError(
                f"The Ray cluster has {int(resources.get('CPU', 0))} cores for {slots} workers; give fewer."
            )
        self._gpus = resources.get("GPU", 0.0) / slots
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._mailbox: Any = ray.remote(_Mailbox).options(num_cpus=0, scheduling_strategy=here).remote()

    def run(self, task: Task, listener: Listener, slot: int) -> Outcome:
        """See ``Executor``."""
        del slot
        with self._lock:
            if self._stopped:
                return Outcome("interrupted")
            options = {"num_cpus": self._cpus, "num_gpus": self._gpus, "max_calls": 1, "max_retries": _RETRIES}
            done = _task.options(**options).remote(self._work, self._mailbox, task.number, self._cpus)
            self._tasks.add(done)
        try:
            self._answer(done, task, listener)
            end, metrics, reason = ray.get(done)
            return Outcome(end, metrics, reason)
        except ray.exceptions.TaskCancelledError:
            return Outcome("interrupted")
        except ray.exceptions.RayTaskError as error:
            return Outcome("failed", reason=" ".join(str(error.cause).split()))
        except ray.exceptions.RayError as error:
            return Outcome("interrupted") if self._stopped else Outcome("died", reason=" ".join(str(error).split()))
        finally:
            with self._lock:
                self._tasks.discard(done)

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

    def _answer(self, done: Any, task: Task, listener: Listener) -> None:  # noqa: ANN401 - Ray's
        """Answer the task's questions until it is done. A task that Ray starts again goes on from its earlier run."""
        content = dict(task.content)
        asked = self._mailbox.next.remote(task.number)
        while True:
            ready, _ = ray.wait([asked, done], num_returns=1)
            if asked not in ready:
                return
            number, kind, message = ray.get(asked)
            answer: Any = None
            match kind:
                case "content":
                    answer = content
                case "started":
                    content["continues"] = message
                    listener.started(message)
                case "epoch":
                    answer = listener.epoch(*message)
                case "keeps_model":
                    answer = listener.keeps_model(message)
            self._mailbox.answer.remote(number, answer)
            asked = self._mailbox.next.remote(task.number)


@ray.remote
def _task(work: Work, mailbox: Any, number: int, cpus: int) -> tuple[End, dict[str, float], str]:  # noqa: ANN401 - Ray's
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(cpus)
    listener = _RayListener(mailbox, number)
    outcome = work(listener.ask(_CONTENT, None), listener)
    return outcome.end, dict(outcome.metrics), outcome.reason


def _resources() -> Mapping[str, float]:
    found: Mapping[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return found


class _RayListener:
    """In the task: hands everything to the driver."""

    def __init__(self, mailbox: Any, number: int) -> None:  # noqa: ANN401 - Ray's
        self._mailbox, self._number = mailbox, number

    def started(self, run: str) -> None:
        self.ask(_STARTED, run)

    def epoch(self, number: int, metrics: Mapping[str, float]) -> bool:
        return bool(self.ask(_EPOCH, (number, dict(metrics))))

    def keeps_model(self, metrics: Mapping[str, float]) -> bool:
        return bool(self.ask(_KEEPS_MODEL, dict(metrics)))

    def ask(self, kind: str, message: Any) -> Any:  # noqa: ANN401 - whatever is asked
        return ray.get(self._mailbox.ask.remote(self._number, kind, message))


class _Mailbox:
    """Carries questions from tasks to the driver, and answers back; it lives on the driver's own node."""

    def __init__(self) -> None:
        self._questions: defaultdict[int, asyncio.Queue[tuple[int, str, Any]]] = defaultdict(asyncio.Queue)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._asked = 0

    async def ask(self, task: int, kind: str, message: Any) -> Any:  # noqa: ANN401 - whatever is asked
        """Put a question, and return the answer when it comes."""
        self._asked += 1
        number = self._asked
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._questions[task].put((number, kind, message))
        return await self._answers[number]

    async def next(self, task: int) -> tuple[int, str, Any]:
        """Return a task's next question when it comes."""
        return await self._questions[task].get()

    async def answer(self, number: int, answer: Any) -> None:  # noqa: ANN401 - as above
        """Answer a question; nobody waits any more where the task has died."""
        waiting = self._answers.pop(number)
        if not waiting.done():
            waiting.set_result(answer)
