import os
import tracemalloc

import pytest

from beauty_mlflow.data.strict_yaml import read_yaml
from beauty_mlflow.errors import DataError, GateError
from beauty_mlflow.files import MOST_TYPED, read_typed
from beauty_mlflow.toml import read_toml


def yaml(path):
    return read_yaml(str(path), "grouping", expected="a file", form="group: [classes]")


def toml(path):
    return read_toml(path, "gate file", GateError)


def test_a_text_that_somebody_wrote_is_read(tmp_path):
    (tmp_path / "text").write_bytes("Größe = 5\n".encode())
    assert read_typed(tmp_path / "text") == "Größe = 5\n"


@pytest.mark.parametrize(("read", "error"), [(yaml, DataError), (toml, GateError)])
def test_a_pipe_hangs_nobody(tmp_path, read, error):
    """Nobody writes into it, so that reading would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(error, match=r"can't be read.*not a regular file"):
        read(tmp_path / "pipe")


@pytest.mark.parametrize(("read", "error"), [(yaml, DataError), (toml, GateError)])
def test_what_nobody_writes_by_hand_is_not_read(tmp_path, read, error):
    """A terabyte, none of which is on the disk."""
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(10**12)
    tracemalloc.start()
    with pytest.raises(error, match=r"can't be read.*it has more than 10 MB"):
        read(tmp_path / "large")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MOST_TYPED
