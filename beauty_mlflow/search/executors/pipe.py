"""One trial's side and the driver's side of a pipe: a line of JSON each way for what is told and what is asked."""

import json
import os
import queue
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

from beauty_mlflow.search.executors.base import Listener, Outcome

STARTED, EPOCH, KEEPS_MODEL, ENDED = "started", "epoch", "keeps_model", "ended"


class PipeListener:
    """In the trial's process: hands everything to the driver. If the driver vanishes, the process is interrupted.

    Args:
        to_driver: Where lines go.
        from_driver: Where answers come from.
    """

    def __init__(self, to_driver: IO[str], from_driver: IO[str]) -> None:
        self._to, self._from = to_driver, from_driver
        self._answers: queue.Queue[Any] = queue.Queue()
        self._lock = threading.Lock()
        self._over = False
        threading.Thread(target=self._read, daemon=True).start()

    def started(self, run: str) -> None:
        """See ``Listener``."""
        with suppress(BrokenPipeError):  # the driver is gone, and the interruption on its way
            self._send({STARTED: run})

    def epoch(self, number: int, metrics: Mapping[str, float]) -> bool:
        """See ``Listener``."""
        return self._ask({EPOCH: [number, dict(metrics)]})

    def keeps_model(self, metrics: Mapping[str, float]) -> bool:
        """See ``Listener``."""
        return self._ask({KEEPS_MODEL: dict(metrics)})

    def ended(self, outcome: Outcome) -> None:
        """Say how the trial ended, as the last thing.

        Raises:
            BrokenPipeError: The driver is gone.
        """
        self._over = True
        self._send({ENDED: [outcome.end, dict(outcome.metrics), outcome.reason]})

    def _ask(self, question: Mapping[str, Any]) -> bool:
        with self._lock:
            with suppress(BrokenPipeError):  # as above
                self._send(question)
            return bool(self._answers.get())

    def _send(self, message: Mapping[str, Any]) -> None:
        self._to.write(json.dumps(message) + "\n")
        self._to.flush()

    def _read(self) -> None:
        for line in self._from:
            self._answers.put(json.loads(line))
        if not self._over:
            os.kill(os.getpid(), signal.SIGTERM)


def attend(from_trial: IO[str], to_trial: IO[str], listener: Listener) -> Outcome | None:
    """In the driver: answer a trial until it ends; None where its process vanished without a word.

    Args:
        from_trial: The trial's lines.
        to_trial: Where answers go.
        listener: Knows the answers.
    """
    for line in from_trial:
        message = _understood(line)
        if STARTED in message:
            listener.started(message[STARTED])
        elif ENDED in message:
            end, metrics, reason = message[ENDED]
            return Outcome(end, metrics, reason)
        elif EPOCH in message or KEEPS_MODEL in message:
            answer = listener.epoch(*message[EPOCH]) if EPOCH in message else listener.keeps_model(message[KEEPS_MODEL])
            try:
                to_trial.write(json.dumps(answer) + "\n")
                to_trial.flush()
            except BrokenPipeError:
                return None
    return None


def _understood(line: str) -> dict[str, Any]:
    """Return a message; an empty one for what a library printed, or half a line of a process that was killed."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
