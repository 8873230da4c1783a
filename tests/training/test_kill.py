"""kill -9 at any moment: what is on disk goes on, and ends with the same bits as a run left in peace."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
COMMAND = [sys.executable, str(Path(__file__).with_name("worker.py"))]
KILLS = int(os.environ.get("KILLS", "3"))


def finish(folder):
    done = subprocess.run([*COMMAND, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return finish(tmp_path_factory.mktemp("uninterrupted"))


@pytest.mark.parametrize(
    ("place", "kept"),
    [(("3", "2"), 2), (("4", "0"), 4), (("1", "1"), 0)],
    ids=["mid-epoch", "boundary", "at once"],
)
def test_a_killed_run_ends_with_the_same_bits(place, kept, uninterrupted, tmp_path, kept_epochs):
    """All metrics and the final weights equal those of a run that was left in peace."""
    killed = subprocess.run([*COMMAND, tmp_path, *place], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(kept_epochs(tmp_path)) == kept
    assert finish(tmp_path) == uninterrupted


def test_killed_while_writing_again_and_again(uninterrupted, tmp_path, kept_epochs):
    """Each time as soon as a file is half written; every state on disk can be read and goes on."""
    seed = time.time_ns() % 2**32
    moments = random.Random(seed)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails
    kills = 0
    while kills < KILLS:
        worker = subprocess.Popen([*COMMAND, tmp_path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stale = set(tmp_path.glob(".*.tmp.npz"))
        while worker.poll() is None and not set(tmp_path.glob(".*.tmp.npz")) - stale:
            time.sleep(0.0002)
        time.sleep(moments.uniform(0, 0.01))
        worker.kill()
        status = worker.wait()
        assert status in (0, -signal.SIGKILL)
        kept_epochs(tmp_path)  # raises where the file isn't whole
        if status == 0:  # it was done before that: begin anew
            assert finish(tmp_path) == uninterrupted
            for path in tmp_path.iterdir():
                path.unlink()
        else:
            kills += 1
    assert finish(tmp_path) == uninterrupted
    assert not list(tmp_path.glob(".*.tmp.npz"))
