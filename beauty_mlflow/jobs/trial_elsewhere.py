"""A trial on any machine: the split's manifest comes with it, and only the pictures have to be where they were."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from beauty_mlflow.data.splits.manifest import sidecar_path
from beauty_mlflow.files import atomic_path, state_folder
from beauty_mlflow.jobs.trial import run_trial
from beauty_mlflow.processes import this_host
from beauty_mlflow.search.executors.base import Listener, Outcome

MANIFEST, SIDECAR = "manifest", "sidecar"


def with_manifest(path: Path) -> Mapping[str, bytes]:
    """Return what has to be among a trial's content for ``run_trial_elsewhere``."""
    return {MANIFEST: path.read_bytes(), SIDECAR: sidecar_path(path).read_bytes()}


def run_trial_elsewhere(content: Mapping[str, Any], listener: Listener) -> Outcome:
    """Run a trial as ``run_trial`` does, with the manifest that came with it written on this machine.

    On another machine than the search's the pictures are compared with it until a trial of the search has come to its
    end here; later ones rely on that.
    """
    digest = hashlib.sha256(content[MANIFEST] + content[SIDECAR]).hexdigest()[:16]
    path = state_folder().absolute() / "manifests" / digest / "split.csv"
    for place, data in ((sidecar_path(path), content[SIDECAR]), (path, content[MANIFEST])):
        if not place.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(place) as temporary:
                temporary.write_bytes(data)
    note = path.with_name(_note_of(content["compared"]))
    compared = {**content["compared"], "host": this_host()} if note.exists() else content["compared"]
    parameters = {**content["parameters"], "data": str(path)}
    outcome = run_trial({**content, "parameters": parameters, "compared": compared}, listener)
    goes_on = bool(content["continues"])  # maybe with nothing left to do
    if outcome.end in ("complete", "pruned") and compared["host"] != this_host() and not goes_on:
        with suppress(OSError):  # they are only compared once more then
            note.touch()
    return outcome


def _note_of(search: Mapping[str, Any]) -> str:
    """Return the name of the file that says that the pictures of this machine were compared for a search's process."""
    key = (this_host(), search["host"], search["process"], round(search["started"]))
    return f"compared-{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}"
