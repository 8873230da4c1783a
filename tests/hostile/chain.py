"""Runs the commands over a folder, one after the other in one process, and says what each took.

Usage: chain.py DATA OUT FILE...; DATA is the folder, OUT gets what the commands write and steps.json, each FILE is
sent to the served model.
"""

import base64
import contextlib
import io
import json
import socket
import sys
import threading
import time
from pathlib import Path

from beauty_mlflow.cli import main

TINY = ["--network=tiny", "--blocks=1", "--epochs=1", "--batch-size=16", "--dense-units=8", "--weights=random"]


class Chain:
    """What was run so far: each step's exit status, seconds of processor time and largest memory in megabytes."""

    def __init__(self):
        self.steps = {}

    @contextlib.contextmanager
    def step(self, name):
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        start = time.process_time()
        self.steps[name] = {}
        yield self.steps[name]
        self.steps[name] |= {"seconds": time.process_time() - start, "megabytes": _peak()}

    def command(self, name, *words):
        said = io.StringIO()
        with self.step(name) as step, contextlib.redirect_stdout(said):
            try:
                main([name, *map(str, words)])
            except SystemExit as end:
                step["status"] = end.code
        return dict(line.split(": ", 1) for line in said.getvalue().splitlines() if ": " in line)


def _peak():
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _serve(chain, run_id, files):
    """Send every file to the served model, all in one request over HTTP."""
    import mlflow.pyfunc
    import requests

    rows = [[base64.b64encode(Path(file).read_bytes()).decode()] for file in files]
    with chain.step("serve") as step, _listening(mlflow.pyfunc.load_model(f"runs:/{run_id}/model")) as address:
        body = {"dataframe_split": {"columns": ["image"], "data": rows}}
        reply = requests.post(f"{address}/invocations", json=body, timeout=120)
        step["status"] = 0 if reply.ok else reply.status_code
        step["errors"] = [answer["error"] for answer in reply.json()["predictions"]]


@contextlib.contextmanager
def _listening(model):
    """Run MLflow's scoring server in a thread; what `mlflow models serve` starts in a process."""
    import uvicorn
    from mlflow.pyfunc.scoring_server import init

    with socket.create_server(("127.0.0.1", 0)) as place:
        server = uvicorn.Server(uvicorn.Config(init(model), log_level="error"))
        thread = threading.Thread(target=server.run, args=([place],))
        thread.start()
        yield f"http://127.0.0.1:{place.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def run(data, out, files):
    chain = Chain()
    manifest = out / "split.csv"
    try:
        chain.command("split", "--data", data, "--out", manifest)
        chain.command("check", "--data", data, "--out", out / "check")
        chain.command("main", "--data", data, "--network=tiny", "--blocks=1", "--epochs=1", "--weights=random")
        run_id = chain.command("finetune", "--data", manifest, *TINY)["run_id"]
        chain.command("evaluate", "--model", run_id)
        chain.command("predict", "--model", run_id, "--data", data, "--out", out / "predictions.csv")
        chain.command("export", "--model", run_id, "--out", out / "model.keras")
        _serve(chain, run_id, files)
    finally:
        (out / "steps.json").write_text(json.dumps(chain.steps))


run(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
