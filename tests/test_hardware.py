import os
import re
import resource
import subprocess
import sys

import pytest

from beauty_mlflow.hardware import allow_open_files, cpu_flags, gpus, oom_kills, processor

LINUX = "processor\t: 0\nmodel name\t: {name}\nflags\t\t: {flags}\n\nprocessor\t: 1\nmodel name\t: other\n"


@pytest.fixture
def named(tmp_path):
    """Make a function that names the processor of a machine whose Linux lists this."""

    def named(name, flags):
        (tmp_path / "cpuinfo").write_text(LINUX.format(name=name, flags=flags))
        return processor(tmp_path / "cpuinfo")

    return named


@pytest.fixture
def few_open_files():
    """Lower the soft limit."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_as_many_files_may_be_open_as_the_user_may(few_open_files):
    """Or as many as were asked for; never fewer than before."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    beyond = [(hard + 1, hard)] if hard != resource.RLIM_INFINITY else []
    for wanted, most in [(300, 300), (10, 300), *beyond]:
        allow_open_files(wanted)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == most


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


SPLIT = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6)
  MIG 3g.20gb     Device  0: (UUID: MIG-1b1d)
  MIG 3g.20gb     Device  1: (UUID: MIG-c07a)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-77f0)
"""


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Make a function that puts a program of that name, which does this, before all others."""

    def nvidia_smi(script):
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return nvidia_smi


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("0", ["0"]),
        (" 2, GPU-5d ,MIG-1/2", ["2", "GPU-5d", "MIG-1/2"]),
        ("1,-1,2", ["1"]),
    ],
)
def test_the_gpus_that_were_chosen(chosen, names, nvidia_smi, monkeypatch):
    """Up to the first that isn't one, as CUDA reads it; the machine isn't asked."""
    nvidia_smi("echo 'GPU 0: Other (UUID: GPU-other)'")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert gpus() == names


def test_the_gpus_of_the_machine(nvidia_smi):
    """By names that don't depend on their order; one that is split is named by its parts."""
    nvidia_smi(f"test \"$1\" = -L && cat <<'END'\n{SPLIT}END")
    assert gpus() == ["MIG-1b1d", "MIG-c07a", "GPU-77f0"]


def test_a_machine_whose_driver_is_broken_has_no_gpus(nvidia_smi):
    nvidia_smi('echo "NVIDIA-SMI has failed because it couldn\'t communicate with the NVIDIA driver."; exit 9')
    assert gpus() == []


def test_a_machine_without_nvidia_s_program_has_no_gpus(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus() == []


def test_the_smaller_memory_limit_counts():
    """As `ulimit` sets them; unlimited is none."""
    script = """
import resource
from beauty_mlflow.hardware import memory_limit
print(memory_limit())
for kind, limit in ((resource.RLIMIT_AS, 10**12), (resource.RLIMIT_DATA, 10**11)):
    resource.setrlimit(kind, (limit, -1))
    print(memory_limit())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", str(10**12), str(10**11)]


def test_kills_for_lack_of_memory_are_counted_where_linux_tells(tmp_path):
    (tmp_path / "vmstat").write_text("nr_free_pages 12\noom_kill 3\n")
    (tmp_path / "old").write_text("nr_free_pages 12\n")
    assert [oom_kills(tmp_path / name) for name in ("vmstat", "old", "nowhere")] == [3, None, None]
