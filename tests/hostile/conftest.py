"""The corpus, ordinary pictures to compare with, and the commands run over both, once for all tests."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE))  # for corpus and what it is made of, which is also run by hand

from corpus import Corpus, make_corpus, make_ordinary  # noqa: E402

TIME_LIMIT = 1500  # seconds for all commands; they take about 40 where nothing else runs
DROP_FROM_BOUNDING_SET = 24  # prctl's number
READ_EVERYTHING = (1, 2)  # the capabilities by which root may read what the mode forbids


@dataclass(frozen=True)
class Done:
    """What came of the commands over one folder.

    Attributes:
        status: The process's.
        out: What the commands wrote.
        steps: What each took; see chain.py.
        said: On stderr.
        uri: The store with the runs.
    """

    status: int
    out: Path
    steps: dict
    said: str
    uri: str


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("hostile") / "data")


@pytest.fixture(scope="session")
def ordinary(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ordinary") / "data"
    make_ordinary(folder, 10, 25)
    return folder


@pytest.fixture(scope="session")
def commands(tmp_path_factory, sqlite_template, session_cache):
    """Run split, check, main, finetune, evaluate, predict, export and the model's server over a folder."""

    def run(data, files):
        out = tmp_path_factory.mktemp("out")
        shutil.copy(sqlite_template, out / "mlflow.db")
        uri = f"sqlite:///{out / 'mlflow.db'}"
        environment = {
            **os.environ,
            "MLFLOW_TRACKING_URI": uri,
            "BEAUTY_STATE_DIR": str(out / "state"),
            "BEAUTY_CACHE_DIR": str(out / "cache"),
        }
        done = subprocess.run(
            [sys.executable, HERE / "chain.py", data, out, *files],
            cwd=out,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=TIME_LIMIT,
            preexec_fn=_obey_modes,
            check=False,
        )
        return Done(done.returncode, out, json.loads((out / "steps.json").read_text()), done.stderr, uri)

    return run


@pytest.fixture(scope="session")
def hostile_run(commands, corpus):
    """The commands over the corpus; every content is also sent to the server."""
    return commands(corpus.folder, [corpus.folder / path for path in corpus.contents])


@pytest.fixture(scope="session")
def ordinary_run(commands, ordinary):
    """The same over ordinary pictures, of which as many go to the server."""
    return commands(ordinary, sorted(ordinary.rglob("*.jpg"))[:130])


def _obey_modes():
    """Give up what lets root read files whose mode forbids it, so that unreadable files are."""
    for capability in READ_EVERYTHING:
        ctypes.CDLL(None).prctl(DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)
