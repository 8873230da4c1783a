"""The main job, end to end, on the embedded sample, through `mlflow run .`; then where to look at it."""

import subprocess
import sys
import time

from beauty_mlflow.errors import BeautyError
from beauty_mlflow.tracking.store import connect

PARAMETERS = {"network": "efficientnet_lite0", "blocks": 2, "epochs": 4}


def main() -> None:
    """Check the store first, so that a dead server is noticed at once; then run the project."""
    try:
        connect()
    except BeautyError as error:
        sys.exit(f"error: {error}")
    started = time.monotonic()
    given = [word for name, value in PARAMETERS.items() for word in ("-P", f"{name}={value}")]
    command = ["mlflow", "run", ".", "--experiment-name", "beauty", *given]
    print(" ".join(command), flush=True)
    status = subprocess.run(command, check=False).returncode
    if status:
        sys.exit(status)
    print(f"\nDone in {time.monotonic() - started:.0f} s. To look at the run: make ui")


if __name__ == "__main__":
    main()
