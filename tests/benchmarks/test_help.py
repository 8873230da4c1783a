"""Each benchmark says how it is run."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = sorted(path.name for path in BENCHMARKS.glob("*.py") if "__main__" in path.read_text())


def test_there_are_scripts():
    """Some are found, so that the next test tests something."""
    assert {"data.py", "growth.py", "machine.py", "plain.py", "plain_strong.py"} <= set(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_shows_the_command(script):
    """--help begins with what the script is for, and holds a command that runs it."""
    done = subprocess.run(
        [sys.executable, BENCHMARKS / script, "--help"], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert f"python benchmarks/{script}" in done.stdout
