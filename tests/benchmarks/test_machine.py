"""Contestants run in turn; their figures and failures arrive."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def machine():
    import machine

    return machine


def contestant(machine, name, code):
    return machine.Contestant(name, [sys.executable, "-c", code, "{json}", "{folder}"], {"WHO": name})


WRITE = """
import json, os, pathlib, sys
pathlib.Path(sys.argv[1]).write_text(json.dumps([os.environ["WHO"], os.listdir(sys.argv[2])]))
pathlib.Path(sys.argv[2], "used").touch()
with open(os.path.join(os.path.dirname(sys.argv[2]), "order"), "a") as order:
    order.write(os.environ["WHO"])
"""


def test_contestants_take_turns(machine, tmp_path):
    """A, B, A, B; each gets its environment, an empty folder and a place for its JSON."""
    sides = [contestant(machine, name, WRITE) for name in "AB"]
    turns = machine.run_in_turn(sides, 2, tmp_path)
    assert (tmp_path / "order").read_text() == "ABAB"
    assert {name: [turn.result for turn in found] for name, found in turns.items()} == {
        "A": [["A", []], ["A", []]],
        "B": [["B", []], ["B", []]],
    }
    for turn in (turn for found in turns.values() for turn in found):
        assert turn.seconds > 0
        assert turn.cpu_seconds > 0
        assert turn.peak_bytes > 1e6


def test_a_failure_ends_with_the_log(machine, tmp_path):
    """The message names the contestant, its status and what it said last."""
    failing = contestant(machine, "A", "print('all is lost'); raise SystemExit(3)")
    with pytest.raises(machine.BenchmarkError, match=r"(?s)A ended with status 3; .*A-1.log ends with:\nall is lost"):
        machine.run_in_turn([failing], 1, tmp_path)


def test_an_old_result_is_not_taken_for_a_new_one(machine, tmp_path):
    """What an earlier run left under the same name is gone before the turn begins."""
    (tmp_path / "A-1.json").write_text('"old"')
    assert machine.run_once(contestant(machine, "A", ""), tmp_path / "A-1").result is None


def test_processor_seconds_are_those_of_all_its_processes(machine, tmp_path):
    """Not of the time that it sleeps."""
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    command = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {busy!r}]); time.sleep(0.5)"
    turn = machine.run_once(contestant(machine, "A", command), tmp_path / "A-1")
    assert 0.3 < turn.cpu_seconds < turn.seconds


def test_memory_is_the_contestants_own(machine, tmp_path):
    """A process that fills a gigabyte has that and Python's own few megabytes in its peak, the next one has not."""
    script = (
        "import sys; from pathlib import Path; from machine import Contestant, run_once;"
        "sides = {'A': 'x = b\"x\" * 1_000_000_000', 'B': ''};"
        "print(*(run_once(Contestant(name, [sys.executable, '-c', code]), Path(name)).peak_bytes"
        " for name, code in sides.items()))"
    )  # a process of its own: what this one has had counts for its children
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(machine.__file__).parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    filling, idle = map(int, done.stdout.split()[-2:])
    assert filling == pytest.approx(1e9, rel=0.05)
    assert idle < 0.9e9


def test_spread(machine):
    """Median, least and greatest, and every value in its order."""
    assert machine.spread([3.0, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 3.0, "values": [3.0, 1.0, 2.0]}


def test_table(machine):
    """Numbers stand to the right, words to the left; None is an empty cell."""
    assert machine.table(["name", "s"], [["plain", 612.3], ["ours", 1.2345], ["none", None]]).splitlines() == [
        "| name  |    s |",
        "| ----- | ---: |",
        "| plain |  612 |",
        "| ours  | 1.23 |",
        "| none  |      |",
    ]


def test_facts_are_json(machine, tmp_path):
    """They can be written and say what a figure depends on."""
    machine.write_json(tmp_path / "facts.json", machine.facts())
    found = json.loads((tmp_path / "facts.json").read_text())
    assert found["cpu"]
    assert found["cores"] >= 1
    assert found["versions"]["keras"]
