"""What the machine says of itself."""

import hashlib
import os
import platform
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
