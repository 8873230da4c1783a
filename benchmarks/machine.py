"""What every benchmark needs: facts of the machine, contestants run in turn, tables and JSON.

    python benchmarks/machine.py

prints the facts that each result carries.
"""

import argparse
import datetime as dt
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from beauty_mlflow.files import write_text

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("beauty-mlflow", "tensorflow", "tensorflow-cpu", "keras", "mlflow", "optuna", "numpy", "pillow")
BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16")
CPU_INFO = Path("/proc/cpuinfo")
GIGABYTE = 1e9
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # ru_maxrss counts bytes there, KiB elsewhere
JSON_PLACE, FOLDER_PLACE = "{json}", "{folder}"
LAST_LINES = 15


class BenchmarkError(Exception):
    """A benchmark can't go on; the message says why and what to do."""


@dataclass(frozen=True)
class Contestant:
    """One side of a comparison, run in a process of its own.

    Attributes:
        name: In tables and file names.
        command: In its words ``{json}`` stands for the file in which to leave a result (optional), ``{folder}``
            for an empty folder of this turn's own.
        environment: Variables on top of this process's; the same places stand in their values.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Turn:
    """One run of a contestant.

    Attributes:
        seconds: Wall time of the whole process.
        peak_bytes: Most memory that it, or the largest of the processes it waited for, had resident at once; never
            less than what this process had when it began, because Linux counts from the fork on.
        disk_bytes: What its folder held in the end.
        result: What it left as JSON; None where it left nothing.
        cpu_seconds: Of all cores, with the processes it waited for; a busy machine changes it less than ``seconds``.
    """

    seconds: float
    peak_bytes: int
    disk_bytes: int
    result: Any
    cpu_seconds: float


def facts() -> dict[str, Any]:
    """Return what a figure depends on: processor, memory, versions, commit, time and how busy the machine is."""
    return {
        "cpu": _cpu_field("model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "bfloat16_flags": [flag for flag in BFLOAT16_FLAGS if flag in _cpu_field("flags").split()],
        "memory_gb": round(psutil.virtual_memory().total / GIGABYTE, 1),
        "gpus": (_output("nvidia-smi", "-L") or "").splitlines(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "commit": _output("git", "-C", str(ROOT), "rev-parse", "HEAD"),
        "changed_since": bool(_output("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")),
        "time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "load_average": round(psutil.getloadavg()[0], 2),
    }


def write_json(path: Path, value: object) -> None:
    """Write a result, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def run_in_turn(contestants: Sequence[Contestant], turns: int, folder: Path) -> dict[str, list[Turn]]:
    """Run A, B, C, A, B, C …, so that whatever slows the machine down for a while meets them all.

    Args:
        contestants: In their order within a turn.
        turns: How often each one runs, 1 or more.
        folder: Gets ``<name>-<turn>.log``, ``.json`` and the folders of each turn.

    Returns:
        Each contestant's turns by its name.

    Raises:
        BenchmarkError: One failed; the message ends with the last lines of its log.
    """
    measured: dict[str, list[Turn]] = {contestant.name: [] for contestant in contestants}
    for number in range(1, turns + 1):
        for contestant in contestants:
            turn = run_once(contestant, folder / f"{contestant.name}-{number}")
            measured[contestant.name].append(turn)
            print(f"{contestant.name}, turn {number} of {turns}: {turn.seconds:.1f} s", file=sys.stderr, flush=True)
    return measured


def result_of(contestant: Contestant, stem: Path) -> Any:  # noqa: ANN401 - the contestant's
    """Return a contestant's result, which isn't made again where the same command has left it: long work goes on.

    Raises:
        BenchmarkError: See ``run_once``.
    """
    result, told = stem.with_name(f"{stem.name}.json"), stem.with_name(f"{stem.name}.command.json")
    command = list(contestant.command)
    if result.is_file() and told.is_file() and json.loads(told.read_text()) == command:
        return json.loads(result.read_text())
    told.unlink(missing_ok=True)  # or an interruption could leave the result of one command beside the name of another
    found = run_once(contestant, stem).result
    write_json(told, command)
    return found


def run_once(contestant: Contestant, stem: Path) -> Turn:
    """Run a contestant once; its log, JSON and folder are ``stem`` with ``.log``, ``.json`` and nothing added.

    Raises:
        BenchmarkError: It failed; the message ends with the last lines of its log.
    """
    result, log = stem.with_name(f"{stem.name}.json"), stem.with_name(f"{stem.name}.log")
    result.unlink(missing_ok=True)
    shutil.rmtree(stem, ignore_errors=True)
    stem.mkdir(parents=True)
    places = {JSON_PLACE: str(result), FOLDER_PLACE: str(stem)}
    command = [_fill(word, places) for word in contestant.command]
    environment = {name: _fill(value, places) for name, value in contestant.environment.items()}
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **environment})
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])
        raise BenchmarkError(f"{contestant.name} ended with status {process.returncode}; {log} ends with:\n{last}")
    found = json.loads(result.read_text()) if result.is_file() else None
    return Turn(seconds, usage.ru_maxrss * MAXRSS_UNIT, _size(stem), found, usage.ru_utime + usage.ru_stime)


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return median, min and max of one or more values, and the values."""
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "values": list(values),
    }


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; floats with three significant digits, numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[column]) for row in [header, *cells]) for column in range(len(header))]
    right = [bool(rows) and isinstance(rows[0][column], int | float) for column in range(len(header))]
    lines = [
        "| " + " | ".join(_pad(*cell) for cell in zip(row, widths, right, strict=True)) + " |"
        for row in [header, *cells]
    ]
    rule = ["-" * (width - 1) + (":" if end else "-") for width, end in zip(widths, right, strict=True)]
    return "\n".join([lines[0], "| " + " | ".join(rule) + " |", *lines[1:]])


def _pad(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    return "" if value is None else str(value)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def _fill(word: str, places: Mapping[str, str]) -> str:
    for place, value in places.items():
        word = word.replace(place, value)
    return word


def _cpu_field(name: str) -> str:
    if not CPU_INFO.is_file():
        return ""
    for line in CPU_INFO.read_text(errors="replace").splitlines():
        label, _, value = line.partition(":")
        if label.strip() == name:
            return value.strip()
    return ""


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(json.dumps(facts(), indent=2))
