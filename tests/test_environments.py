import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def locked(name):
    text = (ROOT / "requirements" / name).read_text()
    pins = re.findall(r"^([A-Za-z0-9_.\[\]-]+)==([^ \\]+)", text, flags=re.MULTILINE)
    return {re.sub(r"\[.*\]", "", package).lower().replace("_", "-"): version for package, version in pins}


@pytest.mark.parametrize(
    ("lock", "extra"),
    [("cpu.txt", "cpu"), ("gpu.txt", "gpu"), ("dev-cpu.txt", "cpu"), ("dev-gpu.txt", "gpu")],
)
def test_lock_file_satisfies_pyproject(lock, extra):
    """Every dependency that pyproject.toml names is pinned, within its range."""
    versions = locked(lock)
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"][extra]]
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(versions[requirement.name.lower()]), requirement


def test_every_locked_package_has_hashes():
    """No line of a lock file could bring in a file that nobody has seen."""
    for lock in (ROOT / "requirements").glob("*.txt"):
        entries = re.split(r"\n(?=\S)", lock.read_text())
        assert all("--hash=sha256:" in entry for entry in entries if "==" in entry), lock.name


def test_lock_files_name_no_registry():
    """A mirror behind a proxy serves as well."""
    for lock in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in lock.read_text(), lock.name


def test_mlflow_and_conda_take_the_same_lock_file():
    """python_env.yaml and conda.yaml install what pyproject.toml's lock says, and nothing beside it."""
    python_env = yaml.safe_load((ROOT / "python_env.yaml").read_text())
    conda = yaml.safe_load((ROOT / "conda.yaml").read_text())
    assert python_env["dependencies"] == ["-r requirements/cpu.txt"]
    python, pip, packages = conda["dependencies"]
    assert python.removeprefix("python=") in PROJECT["requires-python"]
    assert pip == "pip"
    assert packages == {"pip": python_env["dependencies"]}


def test_extras_exclude_each_other():
    """tensorflow-cpu and tensorflow overwrite each other's files, so no extra names both for one platform."""
    linux = {"sys_platform": "linux", "platform_machine": "x86_64"}
    mac = {"sys_platform": "darwin", "platform_machine": "arm64"}
    names = {
        (extra, system["sys_platform"]): {
            wanted.name
            for wanted in map(Requirement, PROJECT["optional-dependencies"][extra])
            if wanted.marker is None or wanted.marker.evaluate(system)
        }
        for extra in ("cpu", "gpu")
        for system in (linux, mac)
    }
    assert names == {
        ("cpu", "linux"): {"tensorflow-cpu"},
        ("cpu", "darwin"): {"tensorflow"},
        ("gpu", "linux"): {"tensorflow"},
        ("gpu", "darwin"): {"tensorflow"},
    }
