"""Keras' hub of ImageNet weights, and the cache where its files are kept. Imports no Keras."""

import hashlib
import os
import threading
import urllib.request
from http.client import HTTPException
from pathlib import Path

from beauty_mlflow.networks.table import HubFile

PROBE_SECONDS = 5.0


def keras_cache() -> Path:
    """Return the folder that Keras keeps downloads in: KERAS_HOME or ~/.keras."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()


def cached_file(hub: HubFile) -> Path | None:
    """Return where a file lies in Keras' cache; None where it isn't there whole."""
    path = keras_cache() / "models" / hub.name
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        md5 = hashlib.file_digest(stream, "md5").hexdigest()
    return path if hub.md5 in ("", md5) else None


def is_reachable(url: str, seconds: float) -> bool:
    """Return whether the address answers, after ``seconds`` at most, name resolution included."""
    answered = threading.Event()

    def probe() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - the table's own https addresses
            with urllib.request.urlopen(request, timeout=seconds):  # noqa: S310 - see above
                answered.set()
        except (OSError, ValueError, HTTPException):  # ValueError: a malformed address of a proxy
            pass

    # a thread, because nothing else bounds the time that a name's resolution takes
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(seconds)
    return answered.is_set()
