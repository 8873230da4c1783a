"""Whether this machine has what the other commands need. TensorFlow is imported only where there is a GPU."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from beauty_mlflow.cache.sizes import GB, size_text
from beauty_mlflow.errors import BeautyError
from beauty_mlflow.files import cache_folder, free_bytes, nearest_existing, state_folder
from beauty_mlflow.hardware import cores, gpus
from beauty_mlflow.installation import TENSORFLOW, Installation, look_at_installation
from beauty_mlflow.networks.availability import find_weights
from beauty_mlflow.temporary import system_folder
from beauty_mlflow.tracking.finding import all_experiments
from beauty_mlflow.tracking.project_environment import project_environment
from beauty_mlflow.tracking.redaction import redact
from beauty_mlflow.tracking.store import Store, checkout

State = Literal["ok", "note", "wrong"]

LITTLE, NONE = 5 * GB, GB // 2  # free bytes of a disk: fewer are said; fewer are too few
_SHOWN = ("mlflow", *TENSORFLOW, "keras", "optuna")
_GPU_SECONDS = 180
_COUNT_GPUS = "import tensorflow; print(len(tensorflow.config.list_physical_devices('GPU')))"


@dataclass(frozen=True)
class Check:
    """What one look has come to: ``note`` is what one should know, ``wrong`` what keeps a command from working."""

    name: str
    state: State
    words: str


def check_packages() -> list[Check]:
    """Compare Python and the packages with the ranges that the package gives."""
    found = look_at_installation(checkout())
    shown = ", ".join(f"{name} {found.versions[name]}" for name in _SHOWN if name in found.versions)
    words = "; ".join(found.problems) or f"{len(found.versions)} in their ranges, {shown}"
    python = f"{found.python} at {sys.executable}"
    return [Check("Python", "ok", python), Check("packages", "wrong" if found.problems else "ok", words), _gpu(found)]


def _gpu(found: Installation) -> Check:
    names = list(gpus())
    if not names:
        return Check("GPU", "ok", f"none; there are {cores()} cores")
    counted = _count_gpus()
    if counted.isdigit() and int(counted):
        return Check("GPU", "ok", f"{counted} usable: {', '.join(names)}")
    hint = " `make setup GPU=1` installs the CUDA build." if TENSORFLOW[0] in found.versions else ""
    reason = "" if counted.isdigit() else f" ({counted})"
    return Check("GPU", "note", f"TensorFlow can't use {', '.join(names)}{reason}; trainings take the cores.{hint}")


def _count_gpus() -> str:
    """Return how many GPUs TensorFlow finds, or why that isn't known; in a process of its own, as it may crash."""
    command = [sys.executable, "-c", _COUNT_GPUS]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GPU_SECONDS, check=False)  # noqa: S603 - ours
    except subprocess.TimeoutExpired:
        return f"TensorFlow took longer than {_GPU_SECONDS} seconds"
    return done.stdout.strip() if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it ended early"])[-1]


def check_disks(store: Path | None) -> list[Check]:
    """Look at the room where the cache, the state, temporary files and a local store are."""
    folders = {
        "cache": cache_folder(),
        "state": state_folder(),
        "temporary": system_folder(),
        **({"store": store} if store else {}),
    }
    return [_disk(name, folder.absolute()) for name, folder in folders.items()]


def _disk(name: str, folder: Path) -> Check:
    there, free = nearest_existing(folder), free_bytes(folder)
    if not os.access(there, os.W_OK | os.X_OK):
        return Check(f"disk, {name}", "wrong", f"{there} isn't writable")
    state: State = "wrong" if free < NONE else "note" if free < LITTLE else "ok"
    return Check(f"disk, {name}", state, f"{size_text(free)} free at {folder}")


def check_store(look: Callable[[], Store | None], uri: str) -> tuple[Check, Store | None]:
    """Open the store, without making anything there; none where it can't be, or is still to be made."""
    try:
        store = look()
        count = len(all_experiments(store)) if store else 0
    except BeautyError as error:
        return Check("store", "wrong", str(error)), None
    if store is None:
        return Check("store", "ok", f"none yet; the first run makes {redact(uri)}"), None
    return Check("store", "ok", f"{redact(uri)} answers; {count} experiments"), store


def check_weights() -> Check:
    """Look for ImageNet weights."""
    found = find_weights()
    here = f"here for {', '.join(found.here) or 'no network'}"
    if found.damage:
        return Check("weights", "wrong", f"{found.damage} Others are {here}")
    if not found.missing:
        return Check("weights", "ok", here)
    missing = ", ".join(found.missing)
    if found.hub_answers:
        return Check("weights", "ok", f"{here}; Keras' hub has those of {missing}")
    return Check(
        "weights", "note", f"{here}; Keras' hub doesn't answer for those of {missing}: `auto` takes random ones"
    )


def check_project() -> list[Check]:
    """Look for the environment that plain `mlflow run .` uses; nothing outside of a checkout."""
    project = checkout()
    if project is None:
        return []
    folder = project_environment(project)
    python = folder / "bin" / "python"
    if not python.exists():
        return [Check("mlflow run", "note", f"has no environment at {folder}; `make setup` makes it")]
    if not _runs(python):
        return [Check("mlflow run", "wrong", f"the environment {folder} is broken; `make setup` makes it anew")]
    return [Check("mlflow run", "ok", f"environment {folder}")]


def _runs(python: Path) -> bool:
    try:
        return subprocess.run([python, "-I", "-c", ""], capture_output=True, check=False).returncode == 0  # noqa: S603 - the project's own
    except OSError:
        return False
