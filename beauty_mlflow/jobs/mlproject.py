"""MLproject, made from the jobs' parameters: `python -m beauty_mlflow.jobs.mlproject` writes it anew."""

from pathlib import Path

import yaml

from beauty_mlflow.files import write_text
from beauty_mlflow.jobs import JOBS, load_job
from beauty_mlflow.jobs.parameters import Job, mlflow_type, to_text

HEADER = "# Made from the jobs' parameters by `make mlproject`; a test compares.\n"


def render() -> str:
    """Return MLproject's text.

    Placeholders stand without quotes: MLflow quotes the values itself, and quotes round them would let a shell in.
    """
    project = {
        "name": "beauty_mlflow",
        "python_env": "python_env.yaml",
        "entry_points": {name: _entry_point(name, load_job(name)) for name in JOBS},
    }
    return HEADER + yaml.safe_dump(project, sort_keys=False, width=10_000)


def _entry_point(name: str, job: Job) -> dict[str, object]:
    parameters: dict[str, dict[str, str]] = {}
    words = [f"python -m beauty_mlflow {name}"]
    for key, field in job.parameters.model_fields.items():
        parameters[key] = {"type": mlflow_type(field)}
        if not field.is_required():
            parameters[key]["default"] = to_text(field.default)
        words.append(f"--{key.replace('_', '-')} {{{key}}}")
    return {"parameters": parameters, "command": " ".join(words)}


if __name__ == "__main__":
    write_text(Path(__file__).parents[2] / "MLproject", render())
