import re

import pytest

from beauty_mlflow.hardware import cpu_flags, processor

LINUX = "processor\t: 0\nmodel name\t: {name}\nflags\t\t: {flags}\n\nprocessor\t: 1\nmodel name\t: other\n"


@pytest.fixture
def named(tmp_path):
    """Make a function that names the processor of a machine whose Linux lists this."""

    def named(name, flags):
        (tmp_path / "cpuinfo").write_text(LINUX.format(name=name, flags=flags))
        return processor(tmp_path / "cpuinfo")

    return named


def test_a_processor_has_its_name_and_what_it_can(named):
    """The first one's; the flags' order doesn't matter."""
    first = named("Some CPU: 9", "fpu avx2")
    assert re.fullmatch(r"Some CPU: 9 [0-9a-f]{8}", first)
    assert named("Some CPU: 9", "avx2 fpu") == first


def test_generations_that_share_a_name_are_told_apart(named):
    """Virtual machines often say no more than a family's name."""
    assert named("EPYC", "fpu avx2") != named("EPYC", "fpu avx2 avx512_bf16")


def test_a_machine_that_lists_nothing_has_a_name_too(tmp_path):
    """Other systems than Linux have no such file."""
    assert re.fullmatch(r".+ [0-9a-f]{8}", processor(tmp_path / "nothing"))
    assert cpu_flags(tmp_path / "nothing") == set()


def test_this_machine_stays_the_same():
    """What was measured on it is found again."""
    assert processor() == processor()
