"""Showing progress on a terminal, in a log, and not at all."""

import os
import pty
import subprocess
import sys
import termios

import pytest

from beauty_mlflow.progress import console_progress, silent_progress

SCRIPT = """
import time
from beauty_mlflow.progress import console_progress
with console_progress("Reading", 60) as bar:
    for _ in range(60):
        time.sleep(0.01)
        bar.update()
"""


@pytest.fixture
def in_terminal():
    """A function that runs a script with stderr on a terminal and returns what the terminal got."""

    def run(script):
        leader, follower = pty.openpty()
        termios.tcsetwinsize(follower, (24, 80))
        subprocess.run([sys.executable, "-c", script], stderr=follower, check=True)
        os.close(follower)
        shown = b""
        try:
            while piece := os.read(leader, 65536):
                shown += piece
        except OSError:
            pass  # Linux's way to say that nobody writes any more
        os.close(leader)
        return shown.decode()

    return run


def test_a_log_gets_few_lines():
    """0.6 seconds of work: the begin and the end, nothing between."""
    shown = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert shown.stdout == ""
    assert shown.stderr.count("Reading") <= 2
    assert "60/60" in shown.stderr


def test_a_terminal_sees_it_move(in_terminal):
    assert in_terminal(SCRIPT).count("Reading") >= 4


def test_the_bar_is_closed_when_the_work_fails(capsys):
    def work():
        with console_progress("Reading", 3) as bar:
            bar.update(2)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        work()
    assert "2/3" in capsys.readouterr().err


def test_silence_shows_nothing(capsys):
    with silent_progress("Reading", 3) as bar:
        bar.update()
        bar.update(2)
    assert capsys.readouterr() == ("", "")
