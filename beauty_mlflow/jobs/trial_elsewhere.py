"""A trial on any machine: the split's manifest comes with it, and only the pictures have to be where they were."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beauty_mlflow.data.splits.manifest import sidecar_path
from beauty_mlflow.files import atomic_path, state_folder
from beauty_mlflow.jobs.trial import run_trial
from beauty_mlflow.search.executors.base import Listener, Outcome

MANIFEST, SIDECAR = "manifest", "sidecar"


def with_manifest(path: Path) -> Mapping[str, bytes]:
    """Return what has to be among a trial's content for ``run_trial_elsewhere``."""
    return {MANIFEST: path.read_bytes(), SIDECAR: sidecar_path(path).read_bytes()}


def run_trial_elsewhere(content: Mapping[str, Any], listener: Listener) -> Outcome:
    """Run a trial as ``run_trial`` does, with the manifest that came with it written on this machine."""
    digest = hashlib.sha256(content[MANIFEST] + content[SIDECAR]).hexdigest()[:16]
    path = state_folder().absolute() / "manifests" / digest / "split.csv"
    for place, data in ((sidecar_path(path), content[SIDECAR]), (path, content[MANIFEST])):
        if not place.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(place) as temporary:
                temporary.write_bytes(data)
    return run_trial({**content, "parameters": {**content["parameters"], "data": str(path)}}, listener)
