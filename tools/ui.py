"""The MLflow UI on the project's store, on loopback only."""

import argparse
import os
import socket
import sys
from pathlib import Path

from beauty_mlflow.errors import BeautyError
from beauty_mlflow.tracking.experiments import page_of
from beauty_mlflow.tracking.redaction import redact
from beauty_mlflow.tracking.store import connect

DEFAULT = 5000
PORTS = range(1, 65_536)


def main() -> None:
    """Replace this process by MLflow's server, which keeps the store's artifacts where they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=_port, default=DEFAULT)
    port = parser.parse_args().port
    try:
        store = connect()
    except BeautyError as error:
        sys.exit(f"error: {error}")
    if store.uri.startswith(("http:", "https:")):
        print(f"The store is a server with its own UI: {redact(store.uri)}")
        return
    require_free(port)
    page = f"http://127.0.0.1:{port}/{page_of(store.experiment_id)}"
    print(f"{page}\nCtrl-C ends it.", flush=True)
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    server = Path(sys.executable).with_name("mlflow")
    hosts = f"localhost:{port},127.0.0.1:{port}"
    os.environ["MLFLOW_BACKEND_STORE_URI"] = store.uri  # not an argument, which every user of the machine can read
    options = ["--host", "127.0.0.1", "--port", str(port)]
    os.execv(server, [str(server), "server", *options, "--workers", "1", "--allowed-hosts", hosts])  # noqa: S606 - our own command


def require_free(port: int) -> None:
    """End with a sentence where something else listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            other = port + 1 if port + 1 in PORTS else DEFAULT
            sys.exit(f"error: port {port} can't be used ({error.strerror}); choose another: make ui PORT={other}")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) not in PORTS:
        message = f"'{text}' is no port; expected {PORTS.start} to {PORTS.stop - 1}, as in: make ui PORT={DEFAULT}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


if __name__ == "__main__":
    main()
