"""Processes, told apart for good: by their machine, their number and when they started."""

import platform
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

_PROCESSES, _HOSTS_PROCESSES = Path("/proc/self/ns/pid"), "pid:[4026531836]"
_TICK = 0.01  # seconds: how exactly a process's start is known


@dataclass(frozen=True)
class Process:
    """A process of a machine.

    Attributes:
        host: The machine's name.
        process: Its number.
        started: When it started, in seconds since the machine did; numbers are used again.
    """

    host: str
    process: int
    started: float

    @classmethod
    def this(cls) -> Self:
        """Return who asks."""
        process = psutil.Process()
        return cls(this_host(), process.pid, _started(process))

    def lives(self) -> bool:
        """Return whether the process is there, on this very machine."""
        try:
            process = psutil.Process(self.process)
            same = abs(_started(process) - self.started) < _TICK
            return same and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        except psutil.NoSuchProcess:
            return False


def this_host() -> str:
    """Return this machine's name, and the container's where it has processes of its own but maybe its host's name."""
    name = platform.node()
    with suppress(OSError):
        space = str(_PROCESSES.readlink())
        return name if space == _HOSTS_PROCESSES else f"{name} {space}"
    return name


def _started(process: psutil.Process) -> float:
    return process.create_time() - psutil.boot_time()  # both move as the clock is set
