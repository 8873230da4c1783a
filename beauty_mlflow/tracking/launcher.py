"""Who started this process: `mlflow run` hands the run that it has made over in the environment. Light."""

import os

RUN_ID = "MLFLOW_RUN_ID"


def project_run_id() -> str:
    """Return the id of the run that `mlflow run` has made for this process; empty where it hasn't started us."""
    return os.environ.get(RUN_ID, "")
