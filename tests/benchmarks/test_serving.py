"""Each door to a served model answers for every picture, and the figures say how far each is from the bare network."""

import json
import subprocess
import sys

import pytest


@pytest.fixture
def serving():
    import serving

    return serving


def test_times_and_rates_are_compared_with_the_bare_network(serving):
    """Above 1 is slower than the bare one, for times and for rates alike; ratios are taken turn by turn."""
    times = serving.compared({"bare": [10.0, 20.0, 10.0], "pyfunc": [12.0, 22.0, 13.0]}, inverse=False)["pyfunc"]
    assert (times["median"], times["ratio"]) == (13.0, pytest.approx(1.2))
    assert (times["spread"]["min"], times["spread"]["max"]) == (pytest.approx(1.1), pytest.approx(1.3))
    rates = serving.compared({"bare": [100.0], "pyfunc": [80.0]}, inverse=True)
    assert (rates["bare"]["ratio"], rates["pyfunc"]["ratio"]) == (1.0, 1.25)


def test_doors_are_asked_in_turn(serving):
    """One picture through every door before the next, which begins at the next door; the first turn isn't counted."""
    asked = []

    def door(name):
        return lambda pictures: asked.append((name, pictures)) or len(pictures)

    doors = {name: door(name) for name in ("bare", "other")}
    times = serving.ask_singly(doors, [b"1", b"2"], 1)
    assert asked[:4] == [("bare", [b"1"]), ("other", [b"1"]), ("other", [b"2"]), ("bare", [b"2"])]
    assert len(asked) == 8
    assert {name: len(values) for name, values in times.items()} == {"bare": 1, "other": 1}
    rates = serving.ask_together(doors, [b"1", b"2"], 2)
    assert asked[8:12] == [(name, [b"1", b"2"]) for name in ("bare", "other", "other", "bare")]
    assert {name: len(values) for name, values in rates.items()} == {"bare": 2, "other": 2}


def test_an_answer_that_is_missing_ends_it(serving):
    with pytest.raises(SystemExit, match="0 answers for 1 pictures"):
        serving.ask_singly({"bare": lambda _: 0}, [b"1"], 1)


@pytest.mark.slow
def test_every_door_is_measured(tmp_path, benchmarks, sample):
    """A row a door in both tables, through a real server."""
    command = [sys.executable, benchmarks / "serving.py", "--data", sample, "--network", "tiny", "--image-size", "32"]
    small = ["--pictures", "6", "--singles", "2", "--turns", "1", "--json", tmp_path / "serving.json"]
    subprocess.run([*command, *small], check=True, timeout=500)
    result = json.loads((tmp_path / "serving.json").read_text())
    for title in ("one picture, ms", "many, pictures/s"):
        assert list(result[title]) == ["bare", "classifier", "pyfunc", "HTTP"]
        assert all(row["median"] > 0 and row["ratio"] > 0 for row in result[title].values())


@pytest.fixture
def sample(tmp_path):
    folder = tmp_path / "sample"
    words = ["sample", "--out", folder, "--classes", "3", "--images", "10"]
    subprocess.run([sys.executable, "-m", "beauty_mlflow", *words], check=True)
    return folder
