from pathlib import Path

import pytest

from beauty_mlflow.errors import ParameterError
from beauty_mlflow.hardware import cpu_flags
from beauty_mlflow.training.precision import gpu_capabilities, resolve_precision
from beauty_mlflow.training.recipes import PRECISIONS


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_named_precision_is_kept(precision):
    assert resolve_precision(precision) == precision


def test_an_unknown_precision_suggests_the_nearest():
    with pytest.raises(ParameterError, match=r"Unknown precision 'bfloat': expected one of auto, .*'bfloat16'"):
        resolve_precision("bfloat")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx512f avx512_bf16", "bfloat16"),
        ("fpu amx_bf16 amx_tile", "bfloat16"),
        ("fpu avx2 avx512f", "float32"),
        (None, "float32"),
    ],
    ids=["avx512", "amx", "older", "no such file"],
)
def test_auto_on_a_cpu_follows_its_flags(flags, expected, tmp_path, monkeypatch):
    """The flags as Linux lists them, in a file of our own."""
    if gpu_capabilities():
        pytest.skip("this machine has a GPU, which auto prefers")
    cpu_info = tmp_path / "cpuinfo"
    if flags is not None:
        cpu_info.write_text(f"processor\t: 0\nmodel name\t: a: b\nflags\t\t: {flags}\n\nprocessor\t: 1\n")
    monkeypatch.setattr("beauty_mlflow.training.precision.CPU_INFO", cpu_info)
    assert resolve_precision("auto") == expected


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [([(7, 0)], "float16"), ([(9, 0), (6, 1)], "float32"), ([(0, 0)], "float32")],
)
def test_auto_on_gpus_follows_the_weakest(capabilities, expected, monkeypatch):
    """GPUs as TensorFlow would describe them."""
    monkeypatch.setattr("beauty_mlflow.training.precision.gpu_capabilities", lambda: capabilities)
    assert resolve_precision("auto") == expected


@pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="Linux only")
def test_this_machines_flags_are_read():
    assert cpu_flags(Path("/proc/cpuinfo"))
