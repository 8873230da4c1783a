"""Which process is which, and whether it lives."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import psutil

from beauty_mlflow import processes
from beauty_mlflow.processes import Process


def test_this_process_lives():
    this = Process.this()
    assert (this.process, this.lives()) == (os.getpid(), True)


def test_another_process_of_the_same_number_is_another():
    """Numbers are used again; the start tells them apart, to a hundredth of a second."""
    assert not replace(Process.this(), started=Process.this().started - 0.02).lives()


def test_a_process_is_the_same_seen_by_itself_and_by_others():
    """What it writes down of itself is what others find."""
    script = "from beauty_mlflow.processes import Process; import sys; print(repr(Process.this())); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        seen = eval(started.stdout.readline(), {"Process": Process})  # noqa: S307 - of our own process
        assert seen.host == Process.this().host
        assert seen.lives()
        started.stdin.close()
    assert not seen.lives()


def test_who_has_ended_and_whom_nobody_buries_is_dead(tmp_path):
    """A container without an init process keeps its zombies for ever."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    here = Process.this()
    started = subprocess.Popen(["cat", gate])
    try:
        seen = replace(here, process=started.pid, started=processes._started(psutil.Process(started.pid)))
        assert seen.lives()
        gate.open("w").close()
        deadline = time.monotonic() + 60
        while seen.lives() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not seen.lives()
        assert started.returncode is None
    finally:
        started.wait()


def test_a_container_isn_t_its_host(tmp_path, monkeypatch):
    """It may have its host's name, but none of its processes."""
    name = processes.this_host()
    (tmp_path / "pid").symlink_to("pid:[4026539999]")
    monkeypatch.setattr(processes, "_PROCESSES", tmp_path / "pid")
    assert processes.this_host() != name
    monkeypatch.setattr(processes, "_PROCESSES", tmp_path / "missing")
    assert processes.this_host()
