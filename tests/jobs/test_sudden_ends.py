import json
import subprocess
import sys

import pytest

from beauty_mlflow.jobs import sudden_ends
from beauty_mlflow.jobs.sudden_ends import PROCESS_FILE, noted

KILLED = """
import os, resource, sys
from pathlib import Path
from beauty_mlflow.jobs.sudden_ends import noted
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), -1))
with noted(Path(sys.argv[1])):
    os.kill(os.getpid(), 9)
"""
UNLIMITED = -1


@pytest.fixture
def said(tmp_path, capsys):
    """What is said as the work in the test's folder goes on."""

    def said():
        capsys.readouterr()
        with noted(tmp_path):
            assert (tmp_path / PROCESS_FILE).is_file()
        assert not (tmp_path / PROCESS_FILE).exists()
        return capsys.readouterr().err

    return said


@pytest.fixture
def die(tmp_path):
    """Let a process with a memory limit die at its work in the test's folder."""

    def die(limit=UNLIMITED):
        subprocess.run([sys.executable, "-c", KILLED, tmp_path, str(limit)], check=False)
        return tmp_path / PROCESS_FILE

    return die


def test_who_ends_in_order_leaves_nothing(said, tmp_path):
    """Also by an error or Ctrl-C."""
    assert said() == ""
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), noted(tmp_path):
            raise error
        assert said() == ""


def test_a_kill_is_told_once(said, die):
    die()
    assert said() == (
        "note: the process that worked on this before ended without a word: it was killed, or the machine went down\n"
    )
    assert said() == ""


def test_a_kill_under_a_limit_is_probably_for_lack_of_memory(said, die):
    die(10**12)
    assert "under a memory limit of 1000000 MB: probably for lack of memory. For this run, give it more" in said()


@pytest.mark.parametrize(("before", "words"), [(3, "twice"), (4, "once")])
def test_linux_has_killed_for_lack_of_memory_since(before, words, said, die, monkeypatch):
    """Its count, which no test can raise everywhere, is higher than as the dead process began."""
    path = die()
    path.write_text(json.dumps({**json.loads(path.read_text()), "oom_kills": before}))
    monkeypatch.setattr(sudden_ends, "oom_kills", lambda: 5)
    assert f"Linux has killed for lack of memory {words} since it began: probably that one." in said()


def test_after_a_restart_of_the_machine_its_count_says_nothing(said, die, monkeypatch):
    path = die()
    path.write_text(json.dumps({**json.loads(path.read_text()), "boot": "another"}))
    monkeypatch.setattr(sudden_ends, "oom_kills", lambda: 5)
    assert "it was killed, or the machine went down" in said()
