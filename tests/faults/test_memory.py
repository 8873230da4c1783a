"""Too little memory: a sentence says what to lower, whoever refuses it, and the run goes on once there is more."""

import shlex
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from forks import PATIENCE
from lacking import lacks
from waiting import until
from works import WORKS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
ROOT = Path(__file__).parents[2]
MB = 2**20
SPARE = (8, 128, 1024)  # MB beyond what the imports have taken
LOWER = "Lower batch_size or image_size, take cache=none, give a sweep fewer workers, or give it more memory"


@pytest.mark.parametrize("megabytes", [700, 2500])
def test_a_limit_from_the_start(megabytes, place):
    """Under `ulimit -v` TensorFlow can't be loaded, or ends the process where its threads find no room."""
    command = shlex.join(map(str, [sys.executable, "-m", "beauty_mlflow", *WORKS["training"].arguments(place)]))
    limited = ["bash", "-c", f"ulimit -v {megabytes * 1024}; exec {command}"]
    done = subprocess.run(limited, cwd=ROOT, env=place.environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert LOWER in done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("name", ["split", "training", "evaluation"])
def test_a_limited_address_space(name, place):
    """As `ulimit -v` sets it, with ever more to spare, until it is enough."""
    work = WORKS[name]
    place.prepare(work)
    place.run(work.arguments(place)).require()
    exact, numbers = work.result(place)
    refused = 0
    for spare in SPARE:
        place.put_back(work)
        done = place.run(work.arguments(place), spare=spare * MB)
        print(spare, done.returncode, done.stdout, done.stderr)  # noqa: T201 - pytest shows it where the test fails
        assert "Traceback" not in done.stderr
        if done.returncode:  # 1 where Python could say it, else whatever native code ends a process with
            assert LOWER in done.stderr
            refused += 1
            work.look(place)
            command = work.goes_on(place, done.stderr)
            place.run(command).require()
        now_exact, now_numbers = work.result(place)
        assert now_exact == exact
        assert now_numbers == pytest.approx(numbers, rel=1e-6)
    assert 0 < refused < len(SPARE)


class ControlGroup:
    """A group of processes whose memory can be limited; version 1 or 2 of Linux's."""

    kinds = (
        (Path("/sys/fs/cgroup/memory"), "memory.usage_in_bytes", "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.current", "memory.max"),
    )

    def __init__(self, root, used, limit, name):
        self.folder = root / name
        self.folder.mkdir()
        self._used, self._limit = self.folder / used, self.folder / limit

    def leave(self, spare):
        """Allow it so many bytes more than it has now."""
        self._limit.write_text(str(int(self._used.read_text()) + spare))


@pytest.fixture
def control_group(tmp_path):
    kind = next((kind for kind in ControlGroup.kinds if (kind[0] / "cgroup.procs").exists()), None)
    try:
        group = ControlGroup(*kind, f"beauty-{tmp_path.parent.name}-{tmp_path.name}")
        group.leave(2**40)
    except (OSError, TypeError) as error:
        lacks(f"no control group can be made here: {error}")
    yield group
    group.folder.rmdir()


@pytest.mark.system
def test_killed_for_lack_of_memory(place, control_group):
    """Linux kills it without a word; the next start says so, what to do, and finishes the run."""
    work = WORKS["training"]
    with place.started(work.arguments(place), cgroup=control_group.folder) as (process, ended):
        until(lambda: "it goes on with" in place.said or not psutil.pid_exists(process.number), seconds=PATIENCE)
        control_group.leave(8 * MB)
        done = ended()
    assert done.returncode == -signal.SIGKILL
    resumed = place.run(work.goes_on(place, done.stderr)).require()
    assert "Linux has killed for lack of memory once since it began: probably that one" in resumed.stderr
    assert "give it more memory" in resumed.stderr
    work.look(place)
    work.result(place)
