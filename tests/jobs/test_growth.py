"""Memory and open files stay as they are, from run to run and from epoch to epoch, in one process."""

import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow
WORKER = Path(__file__).with_name("repeated_runs.py")
# Without leaks it's about 0.2 %, which is the allocator's; the training graph that Keras leaves behind was 4 %
GROWTH = 1.02


def test_twenty_runs_take_no_more_memory_than_five(manifest, local_store):
    """Sweeps make runs by the hundred in one process: nothing of a finished run stays, and no file stays open."""
    command = [sys.executable, WORKER, manifest, "20", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    resident, files, sources = zip(*(line.split() for line in done.stdout.splitlines()), strict=True)
    assert list(sources) == (["activations", "pictures", "activations"] * 7)[:20]
    resident = [int(held) for held in resident]
    assert max(resident[17:]) < GROWTH * max(resident[3:6])  # of each kind
    assert set(files[4:]) == {files[4]}


@pytest.mark.parametrize("epochs", [24])
def test_later_epochs_take_no_more_memory_than_early_ones(manifest, local_store, epochs):
    """Each epoch has a dataset of its own, which goes with it."""
    command = [sys.executable, WORKER, manifest, "2", str(epochs)]
    resident = {}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as worker:
        process = psutil.Process(worker.pid)
        for line in worker.stderr:
            if found := re.match(rf"epoch (\d+)/{epochs}", line):
                resident.setdefault(int(found[1]), []).append(process.memory_info().rss)
    assert worker.returncode == 0
    for run in (0, 1):
        assert resident[epochs][run] < GROWTH * resident[4][run]
