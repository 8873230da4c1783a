import io

import pytest

from beauty_mlflow.training.history import EpochRecord
from beauty_mlflow.training.progress import ConsoleTraining, Position, describe_position

METRICS = {"loss": 1.23456, "accuracy": 0.25, "cross_entropy": 1.2}
RECORD = EpochRecord(2, 1.5, 0.25, 1.25, 0.5, 2e-4, 75.4, 31.26)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def position():
    return Position(epoch=2, epochs=5, step=10, steps=40, pictures=1200, step_seconds=10.0, validation_seconds=5.0)


def test_the_line_says_epoch_step_speed_time_left_and_figures(position):
    """10 of 40 steps took 10 s: 30 s and the validation's 5 s are left, then three epochs of 45 s."""
    assert describe_position(position, METRICS) == (
        "epoch 2/5  step 10/40  30.0 pictures/s  00:35 left in this epoch, 02:50 at most in all  "
        "loss 1.2346  accuracy 0.2500"
    )


def test_without_a_known_length_the_line_says_what_it_can(position):
    unknown = Position(**{**vars(position), "steps": None})
    assert describe_position(unknown, METRICS) == "epoch 2/5  step 10  loss 1.2346  accuracy 0.2500"


def test_off_a_terminal_lines_are_few_and_plain(position):
    """A hundred quick steps write nothing, the epoch one line without control characters."""
    stream = io.StringIO()
    console = ConsoleTraining(stream)
    for _ in range(100):
        console.step(position, METRICS)
    console.epoch(RECORD, 5, best=True)
    console.close()
    assert stream.getvalue() == (
        "epoch 2/5  loss 1.5000  accuracy 0.2500  val_loss 1.2500  val_accuracy 0.5000  "
        "01:15, 31.3 pictures/s  (best so far)\n"
    )


def test_off_a_terminal_half_a_minute_brings_a_line(position, monkeypatch):
    clock = iter([0.0, 29.0, 31.0, 60.0])
    monkeypatch.setattr("beauty_mlflow.training.progress.time.monotonic", lambda: next(clock))
    stream = io.StringIO()
    console = ConsoleTraining(stream)
    for _ in range(3):
        console.step(position, METRICS)
    assert stream.getvalue() == describe_position(position, METRICS) + "\n"


def test_on_a_terminal_one_line_changes_and_is_closed_after_an_interruption(position, monkeypatch):
    clock = iter([0.0, 1.0, 2.0])
    monkeypatch.setattr("beauty_mlflow.training.progress.time.monotonic", lambda: next(clock))
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    console = ConsoleTraining(stream)
    console.step(position, METRICS)
    console.step(position, METRICS)
    console.close()
    line = describe_position(position, METRICS)[:29]
    assert stream.getvalue() == f"{line}\r\x1b[2K{line}\n"


def test_on_a_terminal_the_epochs_line_stays(position, monkeypatch):
    clock = iter([0.0, 1.0])
    monkeypatch.setattr("beauty_mlflow.training.progress.time.monotonic", lambda: next(clock))
    stream = Terminal()
    console = ConsoleTraining(stream)
    console.step(position, METRICS)
    console.epoch(RECORD, 5, best=False)
    console.close()
    assert stream.getvalue().endswith(
        "\r\x1b[2Kepoch 2/5  loss 1.5000  accuracy 0.2500  val_loss 1.2500  "
        "val_accuracy 0.5000  01:15, 31.3 pictures/s\n"
    )
