"""Where the rooms meet: one file a command, holding its parameters and what it does."""

import importlib

from beauty_mlflow.jobs.parameters import Job

JOBS = (
    "main",
    "sample",
    "check",
    "split",
    "group",
    "finetune",
    "train",
    "evaluate",
    "predict",
    "export",
    "promote",
    "rollback",
    "promotions",
    "sweep",
    "reference",
    "compare",
    "cache",
    "sync",
    "doctor",
)


def load_job(name: str) -> Job:
    """Return the job of that name; only its own module is imported."""
    job: Job = importlib.import_module(f"beauty_mlflow.jobs.{name}").JOB
    return job
