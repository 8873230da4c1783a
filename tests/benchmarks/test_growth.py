"""Growth: pictures are drawn alike each time, and both commands are measured on them."""

import json
import subprocess
import sys

import pytest


def test_pictures_are_drawn_alike(tmp_path):
    """So many, in that many classes, all different, the same bytes again."""
    import growth

    found = []
    for name in ("one", "two"):
        growth.draw(25, 2, tmp_path / name)
        found.append(
            {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.jpg")}
        )
    assert found[0] == found[1]
    assert len(set(found[0].values())) == 25
    assert {path.parts[0] for path in found[0]} == {"class_00", "class_01"}


@pytest.mark.slow
def test_both_commands_are_measured(tmp_path, benchmarks):
    """A row a command and size; finetune leaves a cache; the last line of each says how it grows."""
    command = [sys.executable, benchmarks / "growth.py", "--counts", "120", "240", "--turns", "2", "--folder"]
    subprocess.run([*command, tmp_path, "--json", tmp_path / "growth.json"], check=True, timeout=500)
    result = json.loads((tmp_path / "growth.json").read_text())
    assert [(row["command"], row["pictures"]) for row in result["rows"]] == [
        ("split", 120),
        ("finetune", 120),
        ("split", 240),
        ("finetune", 240),
    ]
    assert all(row["seconds"] > 0 and row["cpu_seconds"] > 0 and row["peak_MB"] > 10 for row in result["rows"])
    for row in result["rows"]:
        turns = row["spread"]["seconds"]["values"]
        assert len(turns) == 2
        assert min(turns) <= row["seconds"] <= max(turns)
    assert all(row["cache_MB"] > 0.1 for row in result["rows"] if row["command"] == "finetune")
    assert result["split"]["memory_ratio"] > 0
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
