"""Whose a run is: a tag names the processes that work on it, so that one whose process died is known for sure."""

import getpass
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Literal

from beauty_mlflow.processes import Process, this_host
from beauty_mlflow.tracking import names

Life = Literal["alive", "dead", "unknown"]


def own_tag(known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the tag that says this process works on a run, beside those of its tags' that may do so still."""
    this = Process.this()
    others = [one for one in processes_of(known or {}) if one != this and not _is_dead(one)]
    return {names.PROCESS: json.dumps([asdict(one) for one in (*others, this)])}


def processes_of(tags: Mapping[str, str]) -> list[Process]:
    """Return the processes that a run's tags name; none where nothing readable says so."""
    try:
        return [
            Process(str(one["host"]), int(one["process"]), float(one["started"]))
            for one in json.loads(tags[names.PROCESS])
        ]
    except (KeyError, TypeError, ValueError):
        return []


def life_of(tags: Mapping[str, str]) -> Life:
    """Return whether a process works on the run of these tags.

    ``unknown`` where that can't be told from here: its processes are another machine's or another user's, whose this
    user may not see, or nothing names them.
    """
    processes = processes_of(tags)
    here = [one for one in processes if one.host == this_host()]
    if any(one.lives() for one in here):
        return "alive"
    is_ours = tags.get(names.USER) == user() or os.geteuid() == 0
    return "dead" if processes and len(here) == len(processes) and is_ours else "unknown"


def hosts_of(tags: Mapping[str, str]) -> list[str]:
    """Return the machines that work, or worked, on the run of these tags."""
    return sorted({one.host for one in processes_of(tags)})


def user() -> str:
    """Return this user's name, or number where there is none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return f"uid-{os.getuid()}"


def _is_dead(process: Process) -> bool:
    return process.host == this_host() and not process.lives()
