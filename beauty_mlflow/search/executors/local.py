"""Trials as processes of this machine, each with its share of the cores and GPUs; what they took ends with them."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from beauty_mlflow.hardware import VISIBLE_GPUS
from beauty_mlflow.search.executors.base import Listener, Outcome, Task
from beauty_mlflow.search.executors.pipe import attend

_GRACE = 60.0  # seconds that a trial has to close its run


class LocalExecutor:
    """Runs a module of ours for each trial.

    Args:
        module: What to run: it reads the task as a line of JSON on its standard input and then speaks as
            ``pipe.PipeListener`` does.
        slots: Trials at a time.
        logs: Folder for what each trial prints.
        gpus: The GPUs to share out, by the names that CUDA_VISIBLE_DEVICES takes.
    """

    def __init__(self, module: str, *, slots: int, logs: Path, gpus: Sequence[str] = ()) -> None:
        self.slots = slots
        self._module, self._logs = module, logs
        self._cores, self._gpus = _shares(_cores(), slots), _shares(gpus, slots)
        self._processes: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def log(self, number: int, part: str = "") -> Path:
        """Return the file that holds what a trial, or a part of it, printed."""
        return self._logs / f"trial-{number:05d}{f'-{part}' if part else ''}.log"

    def run(self, task: Task, listener: Listener, slot: int) -> Outcome:
        """See ``Executor``."""
        path = self.log(task.number, task.part)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as log:
                process = self._start(log.fileno(), slot)
        except OSError as error:
            return Outcome("died", reason=f"its process can't be started: {error}")
        if process is None:
            return Outcome("interrupted")
        with process:
            try:
                outcome = self._attend(process, task, listener)
            except BaseException:
                process.kill()
                raise
            finally:
                with suppress(BrokenPipeError):
                    assert process.stdin is not None
                    process.stdin.close()
                _end(process, _GRACE)
                with self._lock:
                    self._processes.discard(process)
        return outcome or self._vanished(process.returncode, path)

    def stop(self) -> None:
        """End what runs, as SIGTERM does; what doesn't end then is killed."""
        with self._lock:
            self._stopped = True
            processes = list(self._processes)
        for process in processes:
            process.terminate()
        until = time.monotonic() + _GRACE
        for process in processes:
            _end(process, max(until - time.monotonic(), 0))

    def _start(self, log: int, slot: int) -> "subprocess.Popen[str] | None":
        with self._lock:
            if self._stopped:
                return None
            with _pinned(self._cores[slot]):
                process = subprocess.Popen(  # noqa: S603 - a module of ours
                    [sys.executable, "-m", self._module],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    env=self._environment(slot),
                    start_new_session=True,  # a Ctrl-C is ours to hand on
                )
            self._processes.add(process)
        return process

    def _attend(self, process: "subprocess.Popen[str]", task: Task, listener: Listener) -> Outcome | None:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(dict(task.content)) + "\n")
            process.stdin.flush()
        return attend(process.stdout, process.stdin, listener)

    def _environment(self, slot: int) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_RUN_ID"}
        if any(self._gpus):
            environment[VISIBLE_GPUS] = ",".join(self._gpus[slot])
            environment.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # several may share one
        return environment

    def _vanished(self, status: int, log: Path) -> Outcome:
        if self._stopped:
            return Outcome("interrupted")
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        hint = "; out of memory?" if status in (-signal.SIGKILL, -signal.SIGABRT) else ""
        return Outcome("died", reason=f"its process {how}{hint} (see {log})")


def _end(process: "subprocess.Popen[str]", seconds: float) -> None:
    """Let a process end by itself for a while; whatever happens, it has ended then."""
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    finally:
        process.kill()
        process.wait()


def _cores() -> list[str]:
    return [str(core) for core in sorted(os.sched_getaffinity(0))] if hasattr(os, "sched_getaffinity") else []


@contextmanager
def _pinned(cores: Sequence[str]) -> Iterator[None]:
    """Keep this thread, and so what it starts from its first moment on, on some of the cores."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, map(int, cores))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _shares(things: Sequence[str], slots: int) -> list[list[str]]:
    """Share things out as evenly as possible; where there are fewer than slots, several slots get the same one."""
    if not things:
        return [[] for _ in range(slots)]
    if len(things) < slots:
        return [[things[slot % len(things)]] for slot in range(slots)]
    return [list(things[slot::slots]) for slot in range(slots)]
