"""What is installed, against what is needed."""

from pathlib import Path

import pytest

from beauty_mlflow import installation
from beauty_mlflow.installation import look_at_installation

ROOT = Path(__file__).parents[1]


@pytest.fixture
def distributions(tmp_path, monkeypatch):
    """Put packages of these versions in front of what is installed."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(**versions):
        for name, version in versions.items():
            folder = tmp_path / f"{name}-{version}.dist-info"
            folder.mkdir()
            written = name.replace("_", "-")
            (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {written}\nVersion: {version}\n")

    return install


def test_this_environment_is_as_it_should_be():
    """The packages that are needed are there, TensorFlow's one build among them; what developers need isn't asked."""
    found = look_at_installation(ROOT)
    assert found.problems == []
    assert {"mlflow", "keras", "optuna"} <= set(found.versions)
    assert len({"tensorflow", "tensorflow-cpu"} & set(found.versions)) == 1
    assert "pytest" not in found.versions


def test_the_checkout_says_the_same_where_the_package_isnt_installed(monkeypatch):
    """As in the environment that `mlflow run` uses."""
    installed = look_at_installation(ROOT)
    monkeypatch.setattr(installation, "PACKAGE", "beauty-mlflow-that-nobody-installed")
    assert look_at_installation(ROOT) == installed


def test_a_version_outside_of_its_range_is_named(distributions):
    distributions(optuna="4.9")
    assert [problem for problem in look_at_installation(ROOT).problems if "optuna" in problem] == [
        "optuna is 4.9, needed is <6,>=5"
    ]


def test_two_builds_of_tensorflow_overwrite_each_other(distributions):
    distributions(tensorflow="2.21.0", tensorflow_cpu="2.21.0")
    assert "tensorflow-cpu and tensorflow overwrite each other: keep one" in look_at_installation(ROOT).problems


def test_what_is_missing_is_named(tmp_path):
    """By the project's own word; what is optional may be missing."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nrequires-python = ">=3.99"\ndependencies = ["no-such-package>=1,<2"]\n'
        '[project.optional-dependencies]\nmore = ["nor-such-a-package"]\ndev = ["nor-this"]\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(installation, "PACKAGE", "beauty-mlflow-that-nobody-installed")
        problems = look_at_installation(tmp_path).problems
    assert problems[0].startswith("Python is 3.")
    assert problems[1:] == [
        "no-such-package is missing, needed is <2,>=1",
        "none of tensorflow-cpu and tensorflow",
    ]
