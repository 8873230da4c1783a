"""What an executor is given, what a trial may ask meanwhile, and how it can end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

End = Literal["complete", "pruned", "failed", "died", "interrupted"]


@dataclass(frozen=True)
class Task:
    """One trial's work.

    Attributes:
        number: The trial's, for messages and files.
        content: What the work needs; JSON values.
        part: Which one it is, for files, where a trial has several.
        reuses: What its intermediate results go by: a machine that has run a task of the same text has made them.
    """

    number: int
    content: Mapping[str, Any]
    part: str = ""
    reuses: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        end: ``complete``; ``pruned`` as it was told; ``failed`` for a reason of its own; ``died`` where its process
            vanished; ``interrupted`` from outside.
        metrics: The run's figures, where it is complete.
        reason: In words, where it failed or died.
    """

    end: End
    metrics: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""


class Listener(Protocol):
    """What a trial tells and asks while it works; every method may be called by any thread."""

    def started(self, run: str) -> None:
        """The trial's run exists."""

    def epoch(self, number: int, metrics: Mapping[str, float]) -> bool:
        """Take an epoch's figures, and return whether to go on."""

    def keeps_model(self, metrics: Mapping[str, float]) -> bool:
        """Return whether a trial with these figures is to upload its model."""


class Executor(Protocol):
    """Runs trials, ``slots`` of them at a time."""

    slots: int

    def run(self, task: Task, listener: Listener, slot: int) -> Outcome:
        """Run one trial to its end; called by a thread a slot."""

    def stop(self) -> None:
        """End what runs, and start nothing more."""
