"""Reading ahead takes bounded memory, whatever the pictures' sizes are and whether anybody knows them."""

import threading

import numpy as np
import pytest

from beauty_mlflow.data.images import decode
from beauty_mlflow.data.sources import reading
from beauty_mlflow.data.sources.fetch_budget import FetchBudget
from beauty_mlflow.data.sources.locations import knowing, locate
from beauty_mlflow.data.sources.reading import read_ahead


@pytest.fixture
def watched(monkeypatch):
    """Let reading ahead have a budget of so many bytes; return the list of what is held after each taking."""

    def watch(total):
        held = []

        class Watched(FetchBudget):
            def try_take(self, number, size):
                taken = super().try_take(number, size)
                held.append(sum(self._held.values()))
                return taken

        monkeypatch.setattr(reading, "FetchBudget", lambda: Watched(total))
        return held

    return watch


@pytest.mark.parametrize("total", [1, 40_000, 10**9])
@pytest.mark.parametrize("known", ["nothing", "sizes", "digests", "files"])
def test_what_is_read_ahead_fits_in_its_room(s3, pictures, local_split, watched, total, known):
    """And one picture more; all come, each as it is, and those whose sizes a listing has said are asked for once."""
    uri = s3.upload(pictures)
    paths = sorted(local_split.table["path"])
    folder = locate(uri, keeps=False)
    if known == "sizes":
        assert folder.tree
    elif known != "nothing":
        folder = knowing(folder, local_split.table["path"], local_split.table["sha256"])
    if known == "files":
        for path in paths:
            (folder / path).read_bytes()
    s3.proxy.requests.clear()
    sizes = [(pictures / path).stat().st_size for path in paths]
    held = watched(total)
    with read_ahead(folder, paths) as files:
        found = [decode(file) for file in files]
    assert all(np.array_equal(one, decode(pictures / path)) for one, path in zip(found, paths, strict=True))
    assert max(held) <= total + max(sizes)
    asked = {"nothing": len(paths), "digests": len(paths), "sizes": len(paths), "files": 0}[known]
    assert len(s3.proxy.objects) == asked or (known in {"nothing", "digests"} and total < sum(sizes))
    assert len(s3.proxy.objects) >= asked


def test_who_stops_early_or_meets_an_error_waits_for_nobody(s3, pictures, local_split, watched):
    """Threads that wait for room which nobody will give back end at once."""
    uri = s3.upload(pictures)
    paths = sorted(local_split.table["path"])
    watched(1)
    before = workers()
    with read_ahead(locate(uri), paths) as files:
        next(files)
    with pytest.raises(ZeroDivisionError), read_ahead(locate(uri), paths) as files:
        raise ZeroDivisionError(next(files))
    assert workers() <= before


def workers():
    return {thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")}
