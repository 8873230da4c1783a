"""The depth sweep: what its JSON has, for whoever reads it by program."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_all_sides_are_measured_alike(tmp_path, benchmarks, draw_sample):
    """Seconds, ratios, accuracies and a row a trial: the same depths and epochs for each, on the same pictures."""
    words = ["--data", draw_sample(classes=3, images=12), "--network", "tiny", "--depths", "0,1", "--epochs", "2"]
    command = [sys.executable, benchmarks / "depth_sweep.py", *words, "--turns", "1", "--json", tmp_path / "sweep.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads((tmp_path / "sweep.json").read_text())
    for side in ("ours", "plain", "strong"):
        assert result[f"{side}_seconds"] > 0
        assert 0 <= result[f"{side}_best_val_accuracy"] <= 1
        trials = {trial["blocks"]: trial["epochs"] for trial in result[f"{side}_trials"]}
        assert trials == {0: 2, 1: 2}
    assert result["ratio"] == pytest.approx(result["plain_seconds"] / result["ours_seconds"])
    assert result["ratio_strong"] == pytest.approx(result["strong_seconds"] / result["ours_seconds"])
    assert f"ratio: {result['ratio']:.2f}" in done.stdout
