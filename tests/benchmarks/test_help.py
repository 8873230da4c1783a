"""Each benchmark says how it is run."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = sorted(path.name for path in BENCHMARKS.glob("*.py") if "__main__" in path.read_text())
EACH = """
import contextlib, pathlib, runpy, sys
folder, *scripts = map(pathlib.Path, sys.argv[1:])
sys.path.insert(0, str(scripts[0].parent))
for script in scripts:
    sys.argv = [str(script), "--help"]
    with (folder / script.name).open("w") as stream, contextlib.redirect_stdout(stream):
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as end:
            assert not end.code, script
"""


def test_there_are_scripts():
    """Some are found, so that the next test tests something."""
    assert {"data.py", "growth.py", "machine.py", "plain.py", "plain_strong.py"} <= set(SCRIPTS)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What each script prints for --help, all in one process."""
    folder = tmp_path_factory.mktemp("help")
    command = [sys.executable, "-c", EACH, str(folder), *(str(BENCHMARKS / script) for script in SCRIPTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_shows_the_command(script, shown):
    """--help begins with what the script is for, and holds a command that runs it."""
    assert f"python benchmarks/{script}" in (shown / script).read_text()
