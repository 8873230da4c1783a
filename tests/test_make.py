"""What the Makefile promises, in a fresh copy of the project with an environment of its own."""

import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from database_server import free_port

ROOT = Path(__file__).parents[1]
MAKE = ["make", "--no-print-directory"]  # make test is itself a make


def test_help_lists_every_target():
    """`make` alone lists the targets with what they do."""
    shown = subprocess.run(MAKE, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets
    assert [line.split(" — ")[0] for line in shown.splitlines()] == targets


def test_every_test_that_kills_is_among_test_faults():
    """Where KILLS says how often, `make test-faults` raises it."""
    recipe = (ROOT / "Makefile").read_text().partition("\ntest-faults:")[2].partition("\n\n")[0]
    named = [ROOT / word for word in re.findall(r"tests/\S+", recipe)]
    killing = [
        path
        for path in (ROOT / "tests").rglob("*.py")
        if re.search(r"^KILLS = .*environ", path.read_text(), re.MULTILINE)
    ]
    assert len(killing) >= 6
    assert [path for path in killing if not any(path.is_relative_to(one) for one in named)] == []
    assert [path for path in named if not path.exists()] == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_demo_on_a_fresh_copy(tmp_path):
    """`make demo` makes its environment and ends with figures above chance; `make ui` then shows the run."""
    copy = tmp_path / "project"
    subprocess.run(["git", "clone", "--quiet", ROOT, copy], check=True)
    changed = subprocess.run(["git", "diff", "HEAD", "--binary"], cwd=ROOT, capture_output=True, check=True).stdout
    if changed:
        subprocess.run(["git", "apply"], cwd=copy, input=changed, check=True)
    environment = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    shown = subprocess.run([*MAKE, "demo"], cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr[-3000:]
    low = float(re.search(r"test_accuracy: \S+ \(95 %: (\S+) to", shown.stdout)[1])
    share = float(re.search(r"largest class's share: (\S+)", shown.stdout)[1])
    assert low > share
    assert "make ui" in shown.stdout.splitlines()[-1]
    assert_ui_shows_the_run(copy, environment, re.search(r"run_id: (\S+)", shown.stdout)[1])


def assert_ui_shows_the_run(copy, environment, run_id):
    port = free_port()
    command = [*MAKE, "ui", f"PORT={port}"]
    with subprocess.Popen(command, cwd=copy, env=environment, start_new_session=True) as server:
        try:
            page = wait_for(f"http://127.0.0.1:{port}/api/2.0/mlflow/runs/get?run_id={run_id}")
        finally:
            os.killpg(server.pid, signal.SIGTERM)
    assert "test_accuracy" in page


def wait_for(address):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - our own server
                return answer.read().decode()
        except OSError:
            time.sleep(0.5)
    return pytest.fail(f"{address} didn't answer within two minutes")
