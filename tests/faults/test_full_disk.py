"""A disk that is full from the start, or fills up on the way: a sentence says so, and with room again the work is done.

What is written lies on a small file system that something else fills but for a share of what the work needs.
"""

import time

import psutil
import pytest
from arguments import options
from works import WORKS, Work, train

from beauty_mlflow.errors import WorkError
from beauty_mlflow.tracking.changes import Batch, Status
from beauty_mlflow.tracking.spool.folder import Header
from beauty_mlflow.tracking.spool.journal import Journal

pytestmark = [pytest.mark.slow, pytest.mark.system, pytest.mark.timeout(1200)]
SHARES = (0.0, 0.5)  # of what the work needs


class Predicting(Work):
    prepare = staticmethod(train)

    def arguments(self, place):
        (model,) = place.runs()
        data = {"model": model.info.run_id, "data": place.pictures, "out": place / "out" / "answers.csv"}
        return ["predict", *options(data)]

    def look(self, place):
        assert not (place / "out" / "answers.csv").exists()

    def result(self, place):
        return {path.name: path.read_bytes() for path in (place / "out").iterdir() if path.is_file()}, {}


class Exporting(Predicting):
    def arguments(self, place):
        (model,) = place.runs()
        return ["export", *options({"model": model.info.run_id, "format": "keras", "out": place / "out" / "m.keras"})]

    def look(self, place):
        assert list((place / "out").iterdir()) == []


WORKS_BY_ROOM = [
    (WORKS["split"], "out"),
    (WORKS["training"], "state"),
    (WORKS["training"], "store"),
    (Predicting(), "out"),
    (Exporting(), "out"),
]


@pytest.mark.parametrize(
    ("work", "room"), WORKS_BY_ROOM, ids=lambda one: one if isinstance(one, str) else type(one).__name__
)
def test_a_full_disk(work, room, small_disk, make_place):
    """Whatever share there is of what the work needs."""
    place = make_place(**{room: small_disk.folder / room})
    place.prepare(work)
    before = small_disk.used
    most = before
    with place.started(work.arguments(place)) as (process, ended):
        while psutil.pid_exists(process.number):  # state and spool are gone at the end
            most = max(most, small_disk.used)
            time.sleep(0.005)
        ended().require()
    exact, numbers = work.result(place)
    need = most - before
    for share in SHARES:
        place.put_back(work)
        small_disk.leave(int(share * need))
        done = place.run(work.arguments(place))
        print(share, need, done.returncode, done.stderr)  # noqa: T201 - pytest shows it where the test fails
        small_disk.clear()
        assert "Traceback" not in done.stderr
        last = done.stderr.strip().splitlines()[-1]
        if done.returncode:  # else the training is done, and what the store didn't take is kept
            assert str(small_disk.folder) in last
            assert "room" in last
        else:
            assert "beauty sync" in last
        assert done.returncode in ((0, 1, 2) if room == "store" else (1, 2))
        work.look(place)
        place.run(work.goes_on(place, done.stderr)).require()
        now_exact, now_numbers = work.result(place)
        assert now_exact == exact
        assert now_numbers == pytest.approx(numbers, rel=1e-6)


def test_a_spool_on_a_disk_that_fills_up(small_disk):
    """What isn't whole on the disk was never there; with room again it goes on."""
    journal = Journal(small_disk.folder / "spool" / "a", Header("http://host", "beauty"))
    large = Batch(tags={"text": "x" * 20_000})
    journal.append(large)
    small_disk.leave(0)
    for _ in range(2):
        with pytest.raises(WorkError, match=r"can't be written in .*No space left.* Make room"):
            journal.append(large)
    small_disk.clear()
    journal.append(Status(status="FAILED", end=1))
    journal.close()
    again = Journal(small_disk.folder / "spool" / "a")
    assert [change for _, change in again.unsent()] == [large, Status(status="FAILED", end=1)]
    again.close()
