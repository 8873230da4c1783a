"""Benchmarks are scripts: their folder is on the path, as when Python runs one of them."""

from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """The scripts can be imported by their names."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.fixture
def benchmarks():
    """The folder of the scripts."""
    return BENCHMARKS
