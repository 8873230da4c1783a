"""What a look at the machine comes to."""

import os
import shutil
from pathlib import Path

import pytest

from beauty_mlflow.errors import TrackingError
from beauty_mlflow.jobs import environment
from beauty_mlflow.jobs.environment import check_disks, check_packages, check_project, check_store, check_weights
from beauty_mlflow.networks.availability import Availability
from beauty_mlflow.tracking.project_environment import project_environment
from beauty_mlflow.tracking.store import checkout


def test_disks_are_looked_at_where_the_folders_will_be(tmp_path, monkeypatch):
    """None of them is made; one that can't be written is wrong, little room is said, and too little is wrong."""
    monkeypatch.setenv("BEAUTY_CACHE_DIR", str(tmp_path / "cache"))
    free = shutil.disk_usage(tmp_path).free
    found = {check.name: check for check in check_disks(tmp_path / "store")}
    assert found["disk, cache"].words.endswith(f" free at {tmp_path / 'cache'}")
    assert found["disk, store"].state == "ok"
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(environment, "LITTLE", free * 2)
    assert {check.state for check in check_disks(tmp_path)} == {"note"}
    monkeypatch.setattr(environment, "NONE", free * 2)
    assert {check.state for check in check_disks(None)} == {"wrong"}
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert {check.words for check in check_disks(tmp_path)} >= {f"{tmp_path} isn't writable"}


def test_a_store_is_there_or_not_yet_or_doesnt_answer():
    def fail():
        raise TrackingError("It doesn't answer.")

    assert check_store(lambda: None, "http://user:secret@host") == (
        environment.Check("store", "ok", "none yet; the first run makes http://***@host"),
        None,
    )
    assert check_store(fail, "http://host")[0] == environment.Check("store", "wrong", "It doesn't answer.")


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (Availability(("a", "b"), (), False, ""), "ok", "here for a, b"),
        (Availability(("a",), ("b",), True, ""), "ok", "here for a; Keras' hub has those of b"),
        (Availability(("a",), ("b",), False, ""), "note", "doesn't answer for those of b: `auto` takes random ones"),
        (Availability((), ("b",), False, "Reinstall it."), "wrong", "Reinstall it. Others are here for no network"),
    ],
)
def test_weights_are_here_or_at_the_hub_or_neither(found, state, words, monkeypatch):
    monkeypatch.setattr(environment, "find_weights", lambda: found)
    check = check_weights()
    assert (check.state, words in check.words) == (state, True)


def test_the_environment_of_mlflow_run(tmp_path, monkeypatch):
    """There, missing, or broken."""
    monkeypatch.setenv("MLFLOW_ENV_ROOT", str(tmp_path))
    (missing,) = check_project()
    assert (missing.state, "`make setup` makes it" in missing.words) == ("note", True)
    python = project_environment(checkout()) / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/false\n")
    assert check_project()[0].state == "wrong"
    python.chmod(0o755)
    assert check_project()[0].state == "wrong"
    python.unlink()
    python.symlink_to(shutil.which("true"))
    assert check_project()[0].state == "ok"
    monkeypatch.setattr(environment, "checkout", lambda: None)
    assert check_project() == []


@pytest.mark.slow
def test_a_gpu_that_tensorflow_cant_use_is_said(monkeypatch, tmp_path):
    """It is asked in a process of its own, and only where there is a GPU."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(environment, "_count_gpus", lambda: pytest.fail("TensorFlow was asked"))
    assert {check.name: check.state for check in check_packages()} == dict.fromkeys(("Python", "packages", "GPU"), "ok")
    monkeypatch.undo()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    gpu = check_packages()[-1]
    assert gpu.state == "note"
    assert gpu.words.startswith("TensorFlow can't use 0; trainings take the cores.")


def test_a_tensorflow_that_dies_is_no_error_of_ours(monkeypatch, tmp_path):
    """What it wrote last is told."""
    python = Path(tmp_path / "python")
    python.write_text("#!/bin/sh\necho 'CUDA driver is too old' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(environment.sys, "executable", str(python))
    assert environment._count_gpus() == "CUDA driver is too old"
