import threading
import time

import pytest
from waiting import until

from beauty_mlflow.errors import TrackingError, UnreachableError
from beauty_mlflow.tracking.changes import LoggedFile, Untag
from beauty_mlflow.tracking.spool import sender as senders
from beauty_mlflow.tracking.spool.sender import Sender


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Pauses a hundredth as long."""
    monkeypatch.setattr(senders, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(senders, "LONGEST_PAUSE_SECONDS", 0.05)


class Tracker:
    """Takes changes unless it is told otherwise."""

    def __init__(self):
        self.arrived, self.marked, self.asked = [], [], []
        self.down = threading.Event()
        self.refuses = ""

    def deliver(self, change, again):
        self.asked.append((change.name, again))
        if self.down.is_set():
            raise UnreachableError("Can't log: connection refused.")
        if change.name == self.refuses:
            raise TrackingError("Can't log: the run is deleted.")
        self.arrived.append(change.name)

    def sender(self, waiting=(), deliver=None):
        made = Sender(deliver or self.deliver, self.marked.append, where="tracker", kept="/spool", waiting=waiting)
        made.start()
        return made


@pytest.fixture
def tracker():
    return Tracker()


def put(sender, names, first=1):
    for number, name in enumerate(names, first):
        sender.put(number, Untag(name=name))


def test_changes_arrive_in_order(tracker):
    """Each once, and each is marked after it has arrived."""
    sender = tracker.sender()
    put(sender, "abcdef")
    assert sender.close() == 0
    assert tracker.arrived == list("abcdef")
    assert tracker.marked == [1, 2, 3, 4, 5, 6]
    assert not any(again for _, again in tracker.asked)


def test_an_outage_delays_and_loses_nothing(tracker, capsys):
    """What comes meanwhile waits; what may have arrived is sent as such; the console says when it begins and ends."""
    sender = tracker.sender()
    put(sender, "a")
    until(lambda: tracker.arrived == ["a"])
    tracker.down.set()
    put(sender, "bcd", first=2)
    until(lambda: len(tracker.asked) > 3)
    assert tracker.arrived == ["a"]
    tracker.down.clear()
    until(lambda: tracker.arrived == list("abcd"))
    said = []
    until(lambda: said.append(capsys.readouterr().err) or "answers again" in "".join(said))
    put(sender, "e", first=5)
    assert sender.close() == 0
    assert tracker.arrived == list("abcde")
    assert ("e", False) in tracker.asked


def test_the_console_is_told_once(tracker, capsys):
    """One line as it begins, however often the store is asked; one as it's level again."""
    sender = tracker.sender()
    tracker.down.set()
    put(sender, "abc")
    until(lambda: len(tracker.asked) > 5)
    tracker.down.clear()
    until(lambda: len(tracker.arrived) == 3)
    sender.close()  # at once: the thread may not have seen yet that it's level
    time.sleep(0.05)
    said = capsys.readouterr().err
    assert said.count("answers again, and has everything") == 1
    assert said.count("doesn't take what the run logs (Can't log: connection refused)") == 1
    assert "is kept in /spool until it does" in said


def test_who_is_quicker_than_the_store_waits_for_it(tracker, monkeypatch):
    """So that no long queue is left for the end; a store that doesn't answer is not waited for."""
    monkeypatch.setattr(senders, "MOST_WAITING", 5)
    sender = tracker.sender(deliver=lambda *_: time.sleep(0.02))
    put(sender, "x" * 50)
    assert len(tracker.marked) >= 40
    assert sender.close() == 0


def test_a_slow_store_holds_nobody_up(tracker, monkeypatch):
    """One that takes a while for each change, whatever waits for it."""
    monkeypatch.setattr(senders, "MOST_WAITING", 5)
    quick = threading.Event()
    sender = tracker.sender(deliver=lambda *_: quick.wait(0.5))
    begin = time.monotonic()
    put(sender, "x" * 500)
    assert time.monotonic() - begin < 2
    quick.set()
    assert sender.close() == 0


def test_a_store_that_does_not_answer_is_spoken_of_before_it_fails(tracker, monkeypatch, capsys):
    """MLflow's own tries may take minutes."""
    monkeypatch.setattr(senders, "LATE_SECONDS", 0.2)
    hangs = threading.Event()
    sender = tracker.sender(deliver=lambda *_: hangs.wait(30))
    put(sender, "a")
    time.sleep(0.3)
    assert capsys.readouterr().err == ""
    put(sender, "b", first=2)
    assert "the tracker doesn't take what the run logs (no answer for 0 s). The work goes on" in capsys.readouterr().err
    hangs.set()
    assert sender.close() == 0
    assert "answers again" in capsys.readouterr().err


def test_a_large_file_is_waited_for_longer(tracker, monkeypatch, tmp_path):
    """A second for each SLOWEST_UPLOAD bytes."""
    monkeypatch.setattr(senders, "LAST_WAIT_SECONDS", 0.2)
    monkeypatch.setattr(senders, "SLOWEST_UPLOAD", 1000)
    path = tmp_path / "large"
    path.write_bytes(bytes(10_000))
    sender = tracker.sender(deliver=lambda *_: time.sleep(2))
    sender.put(1, LoggedFile(path=path))
    assert sender.close() == 0


def test_who_is_in_a_hurry_waits_for_no_store_that_hangs(tracker, monkeypatch):
    """A second Ctrl-C at the end, say: what is unsent is counted."""
    monkeypatch.setattr(senders, "HURRY_SECONDS", 0.2)
    hangs = threading.Event()
    sender = tracker.sender(deliver=lambda *_: hangs.wait(30))
    put(sender, "ab")
    timer = threading.Timer(0.3, sender.hurry)
    timer.start()
    begin = time.monotonic()
    assert sender.close() == 2
    assert time.monotonic() - begin < 5
    hangs.set()


def test_who_is_in_a_hurry_waits_for_a_store_that_answers(tracker):
    sender = tracker.sender(deliver=lambda *_: time.sleep(0.02))
    put(sender, "x" * 50)
    sender.hurry()
    assert sender.close() == 0


def test_the_end_does_not_wait_for_a_dead_store(tracker):
    """It is asked once more, then what is unsent is counted."""
    sender = tracker.sender()
    tracker.down.set()
    put(sender, "abc")
    until(lambda: len(tracker.asked) > 2)
    begin = time.monotonic()
    assert sender.close() == 3
    assert time.monotonic() - begin < 5


def test_a_store_that_hangs_is_not_waited_for_longer_than_said(tracker, monkeypatch):
    """A call that never returns holds the end up for LAST_WAIT_SECONDS, no more."""
    monkeypatch.setattr(senders, "LAST_WAIT_SECONDS", 0.2)
    hangs = threading.Event()
    sender = tracker.sender(deliver=lambda *_: hangs.wait(30))
    put(sender, "ab")
    assert sender.close() == 2
    hangs.set()


def test_a_refusal_stops_the_sending(tracker):
    """What comes after it stays unsent, as the order matters; whoever asks gets the store's reason."""
    tracker.refuses = "b"
    sender = tracker.sender()
    put(sender, "abc")
    until(lambda: sender.refusal)
    assert "the run is deleted" in str(sender.refusal)
    assert sender.close() == 2
    assert tracker.arrived == ["a"]


def test_what_an_earlier_process_left_goes_first(tracker):
    """And it is sent as what may have arrived already."""
    sender = tracker.sender([(7, Untag(name="old"))])
    put(sender, ["new"], first=8)
    assert sender.close() == 0
    assert tracker.arrived == ["old", "new"]
    assert tracker.asked[0] == ("old", True)
