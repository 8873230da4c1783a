import signal
import subprocess
import sys
from pathlib import Path

import pytest

from beauty_mlflow.cache.keys import Rows
from beauty_mlflow.cache.store import Cache

HERE = Path(__file__).parent
sys.path.append(str(HERE))  # for cache_rows, which the workers share

from cache_rows import DTYPE, SHAPE, Source, key_of  # noqa: E402


@pytest.fixture
def notes():
    return []


@pytest.fixture
def cache(tmp_path, notes):
    return Cache(tmp_path / "entries", note=notes.append)


@pytest.fixture
def make(cache):
    """Make entries of these numbers; they are closed when the test ends."""
    opened = []

    def call(*numbers, count=10, using=None, **options):
        source = Source(count, **options)
        rows = Rows(count, SHAPE, DTYPE)
        entries = (using or cache).ensure({key_of(number): rows for number in numbers}, source)
        opened.extend(entries.values())
        return [entries[key_of(number)] for number in numbers], source.starts

    yield call
    for entry in opened:
        entry.close()


class Worker:
    """A process that uses the cache; see worker.py."""

    def __init__(self, *arguments):
        command = [sys.executable, str(HERE / "worker.py"), *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def wait_for(self, word, number=0):
        """Read its lines until one says this word with at least this number; return the number."""
        for line in self.process.stdout:
            said, *rest = line.split()
            if said == word and int(rest[0]) >= number:
                return int(rest[0])
        pytest.fail(f"it ended without {word} {number}: {self.process.stderr.read()}")

    def go(self):
        """Let it go on where it waits for a line."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def rest(self):
        """Let it end; return its lines as (word, value), and what it wrote to stderr."""
        output, errors = self.process.communicate(timeout=60)
        return [tuple(line.split()) for line in output.splitlines()], errors

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        return self.rest()


@pytest.fixture
def start_worker(cache):
    started = []

    def call(mode, *arguments):
        started.append(Worker(mode, cache.folder, *arguments))
        return started[-1]

    yield call
    for worker in started:
        worker.process.kill()
        worker.process.communicate()
