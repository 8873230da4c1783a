import time

import pytest


@pytest.fixture
def ledger():
    from overhead_tracking import Ledger

    return Ledger()


class Tracker:
    @property
    def status(self):
        return "RUNNING"

    @classmethod
    def open(cls):
        return cls()

    def fetch(self):
        time.sleep(0.02)
        return self.status

    def log(self):
        return self.fetch()

    def _send(self):
        return self.fetch()


def test_a_call_inside_another_counts_to_the_outer_one(ledger):
    """So that the sum of all calls is what tracking takes; private ones aren't calls of a run's."""
    tracker = type("Watched", (Tracker,), dict(vars(Tracker)))
    ledger.watch(tracker)
    watched = tracker.open()
    assert watched.log() == watched.status == "RUNNING"
    watched.log()
    calls = ledger.by_name()
    assert {name: count for name, (count, _) in calls.items()} == {"log": 2, "open": 1, "status": 1}
    assert next(iter(calls)) == "log"
    assert calls["log"][1] >= 0.04


def test_a_call_that_fails_counts_too(ledger):
    """And what it raised goes on."""
    with pytest.raises(ZeroDivisionError):
        ledger.timed("failing", lambda: 1 / 0)()
    assert [name for name, _ in ledger.calls] == ["failing"]


def test_what_was_watched_is_itself_again(ledger):
    """After the benchmark nothing is replaced."""
    from overhead_tracking import _restored

    before = dict(vars(Tracker))
    with _restored(Tracker):
        ledger.watch(Tracker, "log")
        assert vars(Tracker)["log"] is not before["log"]
    assert dict(vars(Tracker)) == before
