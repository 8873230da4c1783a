"""Noticing, where a run goes on, that its process before is gone without a word, and whether memory was short then."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from beauty_mlflow.files import write_text
from beauty_mlflow.hardware import memory_limit, oom_kills
from beauty_mlflow.jobs.opening import say_notes
from beauty_mlflow.shortages import GIVE_MEMORY

PROCESS_FILE = "process.json"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_REMEDY = (
    f"For this run, {GIVE_MEMORY}; with a smaller batch_size or image_size, with cache=none, or with fewer workers in "
    "a sweep, begin a new one."
)


@contextmanager
def noted(folder: Path) -> Iterator[None]:
    """Keep a note in a run's folder for as long as this process works on it; say so where another left its own there.

    Whoever can still do anything as it ends takes its note away: Ctrl-C, SIGTERM and errors leave none.
    """
    path = folder / PROCESS_FILE
    say_notes(filter(None, [_explained(path)]))
    write_text(path, json.dumps(_now()))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _now() -> dict[str, Any]:
    boot = _BOOT.read_text(encoding="ascii").strip() if _BOOT.is_file() else ""
    return {"boot": boot, "oom_kills": oom_kills(), "limit": memory_limit()}


def _explained(path: Path) -> str:
    if not path.is_file():
        return ""
    before, now = json.loads(path.read_text("utf-8")), _now()
    went = "the process that worked on this before ended without a word"
    if now["oom_kills"] and before["boot"] == now["boot"] and now["oom_kills"] > (before["oom_kills"] or 0):
        count = now["oom_kills"] - (before["oom_kills"] or 0)
        times = {1: "once", 2: "twice"}.get(count, f"{count} times")
        return f"{went}. Linux has killed for lack of memory {times} since it began: probably that one. {_REMEDY}"
    if before["limit"]:
        return f"{went}, under a memory limit of {before['limit'] / 1e6:.0f} MB: probably for lack of memory. {_REMEDY}"
    return f"{went}: it was killed, or the machine went down"
