"""The only room that imports MLflow."""

import os

# its thread takes a variable out of the environment while another reads that for a request, which then fails
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
