"""A test that a machine lacks something for is left out, or fails where the machine should have it."""

import subprocess
import sys
from pathlib import Path

import pytest

TEST = """
from lacking import lacks

def test_that_needs_much():
    lacks("a supercomputer isn't installed")
"""


@pytest.mark.parametrize(
    ("required", "status", "said"),
    [
        ("", 0, ": a supercomputer isn't installed"),
        ("1", 1, "a supercomputer isn't installed, and BEAUTY_REQUIRE_SYSTEM is 1"),
    ],
)
def test_what_is_lacking_is_said(tmp_path, required, status, said):
    (tmp_path / "test_one.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]
    environment = {"PYTHONPATH": str(Path(__file__).parent), "BEAUTY_REQUIRE_SYSTEM": required}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    assert said in done.stdout
