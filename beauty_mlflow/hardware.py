"""What the machine says of itself."""

import hashlib
import itertools
import os
import platform
import re
import resource
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
VM_STATISTICS = Path("/proc/vmstat")
VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"
_GPU = re.compile(r"\d+|(GPU|MIG)-\S+")
_LISTED = re.compile(r"^(GPU \d+:|\s+MIG ).*\(UUID: (\S+)\)$")
_PATIENCE = 60.0  # seconds that a driver may take to answer


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_limit() -> int | None:
    """Return how many bytes of memory this process may ask for (`ulimit -v` or `-d`); None where there is no limit."""
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=None)


def allow_open_files(most: int = 65_536) -> None:
    """Let this process open as many files as its user may, up to ``most``: a usual limit of 1,024 is soon reached."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def oom_kills(statistics: Path = VM_STATISTICS) -> int | None:
    """Return how many processes of this machine Linux has killed for lack of memory since it started, if it tells."""
    if not statistics.is_file():
        return None
    counts = dict(line.split() for line in statistics.read_text(encoding="ascii").splitlines())
    return int(counts["oom_kill"]) if "oom_kill" in counts else None


def gpus() -> Sequence[str]:
    """Return the NVIDIA GPUs that this process may use, by names that CUDA_VISIBLE_DEVICES takes.

    That variable's own where it is set, up to the first that is no name, as CUDA reads it; else what ``nvidia-smi``
    lists, a GPU that is split by its parts.
    """
    chosen = os.environ.get(VISIBLE_GPUS)
    if chosen is not None:
        return list(itertools.takewhile(_GPU.fullmatch, (name.strip() for name in chosen.split(","))))
    program = shutil.which("nvidia-smi")
    if not program:
        return []
    try:
        listed = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=_PATIENCE, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return []
    return _listed(listed.stdout)


def _listed(lines: str) -> list[str]:
    names: list[str] = []
    split = ""  # the GPU whose parts follow
    for found in filter(None, map(_LISTED.match, lines.splitlines())):
        if found[1].startswith("GPU"):
            split = found[2]
        elif split in names:
            names.remove(split)
        names.append(found[2])
    return names


def cpu_flags(cpu_info: Path = CPU_INFO) -> set[str]:
    """Return the first processor's flags as Linux lists them; empty where there is no such file."""
    return set(_first(cpu_info, "flags").split())


def processor(cpu_info: Path = CPU_INFO) -> str:
    """Return the processor's name, and a digest of what it can: names alone often don't tell generations apart."""
    name = _first(cpu_info, "model name") or platform.processor() or platform.machine()
    flags = " ".join(sorted(cpu_flags(cpu_info)))
    return f"{name} {hashlib.sha256(flags.encode()).hexdigest()[:8]}"


def _first(cpu_info: Path, wanted: str) -> str:
    if not cpu_info.is_file():
        return ""
    for line in cpu_info.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == wanted:
            return value.strip()
    return ""
