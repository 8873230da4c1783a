"""A trial and the search speak through pipes; either may vanish in the middle of a word."""

import io
import json
import os
import signal
import threading
from contextlib import suppress

import pytest

from beauty_mlflow.errors import Interrupted
from beauty_mlflow.search.executors.base import Outcome
from beauty_mlflow.search.executors.pipe import PipeListener, attend


class Recorder:
    """Keeps what it is told, and answers as it was told to."""

    def __init__(self, *answers):
        self.told = []
        self.answers = list(answers)

    def started(self, run):
        self.told.append(run)

    def epoch(self, number, metrics):
        self.told.append((number, metrics))
        return self.answers.pop(0)

    def keeps_model(self, metrics):
        self.told.append(metrics)
        return self.answers.pop(0)


@pytest.fixture
def pipes():
    """Two pipes: the trial's side's file objects, then the driver's."""
    from_driver, to_trial = os.pipe()
    from_trial, to_driver = os.pipe()
    files = [os.fdopen(to_driver, "w"), os.fdopen(from_driver), os.fdopen(from_trial), os.fdopen(to_trial, "w")]
    yield files
    for writer_then_reader in (files[0], files[3], files[1], files[2]):  # who reads holds its file until the end
        with suppress(BrokenPipeError):  # what couldn't be said is tried once more
            writer_then_reader.close()


@pytest.fixture
def interrupted():
    """Turn SIGTERM into an exception, as a trial's process does."""

    def interrupt(number, frame):
        raise Interrupted(number)

    before = signal.signal(signal.SIGTERM, interrupt)
    yield
    signal.signal(signal.SIGTERM, before)


def attended(pipes, listener):
    """Let a thread be the driver; return what it will have come to, and the thread."""
    found = []
    thread = threading.Thread(target=lambda: found.append(attend(pipes[2], pipes[3], listener)))
    thread.start()
    return found, thread


def test_what_a_trial_tells_and_asks_arrives(pipes):
    """Figures that JSON doesn't know, too."""
    recorder = Recorder(True, False, True)
    found, thread = attended(pipes, recorder)
    trial = PipeListener(pipes[0], pipes[1])
    trial.started("some run")
    assert trial.epoch(1, {"val_accuracy": 0.5}) is True
    assert trial.epoch(2, {"val_accuracy": float("inf")}) is False
    assert trial.keeps_model({"seconds": 3.0}) is True
    trial.ended(Outcome("failed", {"seconds": 3.0}, "a\nreason"))
    thread.join()
    assert found == [Outcome("failed", {"seconds": 3.0}, "a\nreason")]
    assert recorder.told == [
        "some run",
        (1, {"val_accuracy": 0.5}),
        (2, {"val_accuracy": float("inf")}),
        {"seconds": 3.0},
    ]


def test_several_threads_of_a_trial_get_their_own_answers(pipes):
    """Questions don't overtake each other."""
    recorder = Recorder(*[number % 3 == 0 for number in range(300)])
    _, thread = attended(pipes, recorder)
    trial, answers = PipeListener(pipes[0], pipes[1]), []

    def ask(first):
        answers.extend((number, trial.epoch(number, {})) for number in range(first, first + 100))

    asking = [threading.Thread(target=ask, args=(first,)) for first in (0, 100, 200)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    trial.ended(Outcome("complete"))
    thread.join()
    given = {number: place % 3 == 0 for place, (number, _) in enumerate(recorder.told)}
    assert dict(answers) == given


@pytest.mark.parametrize("last", ["", '{"ended": ["comp', '{"epoch": [1, {"val_acc', "[1, 2]\n", "3"])
def test_a_trial_that_vanishes_has_no_outcome(last):
    """Wherever in a line it was."""
    assert attend(io.StringIO('{"started": "some run"}\n' + last), io.StringIO(), Recorder()) is None


def test_what_libraries_print_is_no_message():
    """Whatever it is, the trial goes on."""
    lines = ["hello", "", "[1]", "null", '{"other": 1}', '"started"', json.dumps({"ended": ["complete", {}, ""]})]
    assert attend(io.StringIO("\n".join(lines) + "\n"), io.StringIO(), Recorder()) == Outcome("complete")


def test_a_trial_that_doesn_t_hear_its_answer_has_vanished(pipes):
    """It died between asking and being told."""
    found, thread = attended(pipes, Recorder(True))
    pipes[1].close()
    pipes[0].write(json.dumps({"epoch": [1, {}]}) + "\n")
    pipes[0].flush()
    thread.join()
    assert found == [None]


@pytest.mark.parametrize("ask", ["epoch", "keeps_model"])
def test_a_trial_whose_search_vanishes_is_interrupted(ask, pipes, interrupted):
    """While it waits for an answer, or has nothing to ask."""
    trial = PipeListener(pipes[0], pipes[1])
    pipes[2].close()
    vanish = threading.Timer(0.1, pipes[3].close)
    vanish.start()
    with pytest.raises(Interrupted):
        trial.epoch(1, {}) if ask == "epoch" else trial.keeps_model({})
    vanish.join()


def test_a_trial_that_has_ended_isn_t_interrupted(pipes, interrupted):
    """The search closes its side when it knows the end."""
    found, thread = attended(pipes, Recorder())
    before = set(threading.enumerate())
    trial = PipeListener(pipes[0], pipes[1])
    (reader,) = set(threading.enumerate()) - before
    trial.ended(Outcome("complete"))
    thread.join()
    pipes[3].close()
    reader.join(60)
    assert not reader.is_alive()
    assert found == [Outcome("complete")]


def test_a_search_that_is_gone_is_noticed_at_the_end(pipes, interrupted):
    """Whoever ends says so in vain."""
    trial = PipeListener(pipes[0], pipes[1])
    pipes[2].close()
    with pytest.raises(BrokenPipeError):
        trial.ended(Outcome("complete"))
