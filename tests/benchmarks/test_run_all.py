"""All benchmarks in turn: none of the quick runs is left out of what is checked for every commit."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_quick_run_is_checked():
    """The checks run it by name, or the suite has a test that runs its script."""
    from run_all import BENCHMARKS

    named = set(re.search(r'make bench-quick ONLY="(.*)"', (ROOT / ".ci" / "run").read_text())[1].split())
    quick = {one.name: Path(__file__).with_name(f"test_{Path(one.script).stem}.py") for one in BENCHMARKS if one.quick}
    assert named <= quick.keys()
    assert [name for name, test in quick.items() if name not in named and not test.is_file()] == []
