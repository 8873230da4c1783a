"""Where plain `mlflow run` looks for this project's Python environment, by MLflow's own rule."""

from pathlib import Path

from mlflow.utils.environment import _PythonEnv
from mlflow.utils.virtualenv import _get_mlflow_virtualenv_root, _get_virtualenv_name


def project_environment(project: Path) -> Path:
    """Return the folder; it is used as it is where it exists, and MLflow needs pyenv to make it where it doesn't.

    Args:
        project: The folder of MLproject and python_env.yaml.
    """
    definition = _PythonEnv.from_yaml(project / "python_env.yaml")
    return Path(_get_mlflow_virtualenv_root()) / str(_get_virtualenv_name(definition, project))
