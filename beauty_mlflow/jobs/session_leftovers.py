"""What trainings have left of their state on this machine."""

import json
from contextlib import suppress
from functools import partial
from pathlib import Path

from beauty_mlflow.cache.sizes import size_text
from beauty_mlflow.jobs.sessions import LOCK_FILE, SESSION_FILE, states_folder
from beauty_mlflow.leftovers import Leftover
from beauty_mlflow.locks import is_held
from beauty_mlflow.temporary import bytes_below, remove
from beauty_mlflow.tracking.leftovers import StoreLeftovers
from beauty_mlflow.tracking.redaction import redact
from beauty_mlflow.tracking.searches import begun_offline

STATE = "state of a run that nobody goes on with"


def find(looking: StoreLeftovers) -> list[Leftover]:
    """Return the states that no run needs; ``note`` hears of those that are kept.

    Args:
        looking: Knows the store.

    Raises:
        TrackingError: The store doesn't answer.
    """
    root = states_folder()
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    found: list[Leftover] = []
    needed: list[Path] = []
    elsewhere: list[Path] = []
    for folder in folders:
        if folder.name in looking.unsent or is_held(folder / LOCK_FILE):
            continue
        why = _why(looking, folder)
        if why is None:
            elsewhere.append(folder)
        elif why:
            mend = partial(_remove, looking, folder)
            since = folder.stat().st_mtime
            found.append(Leftover(STATE, str(folder), "remove it", mend, bytes_below(folder), since, why))
        else:
            needed.append(folder)
    if needed:
        looking.note(
            f"{_counted(needed)}: their runs can go on, by the parameter resume. Who deletes such a run frees it"
        )
    if elsewhere:
        looking.note(f"{_counted(elsewhere)}: their runs aren't in this store. Look at theirs by MLFLOW_TRACKING_URI")
    return found


def _why(looking: StoreLeftovers, folder: Path) -> str | None:
    """Return why nobody needs a state; empty where somebody may, None where that can't be told from this store."""
    run = looking.run(folder.name) or begun_offline(looking.store.client, folder.name)
    if run is None:
        return "its run is gone" if _store_of(folder) == redact(looking.store.uri) else None
    if not looking.is_dead(run):
        return ""
    if run.info.lifecycle_stage != "active":
        return "its run is deleted"
    if str(run.info.status) == "FINISHED":
        return "its run is finished"
    return "" if (folder / SESSION_FILE).is_file() else "it doesn't say what to do"


def _store_of(folder: Path) -> str:
    """Return which store the run is in, as far as its state says so."""
    with suppress(OSError, ValueError, AttributeError):
        return str(json.loads((folder / SESSION_FILE).read_text("utf-8")).get("store", ""))
    return ""


def _remove(looking: StoreLeftovers, folder: Path) -> bool:
    if is_held(folder / LOCK_FILE) or not _why(looking, folder):
        return False
    remove(folder)
    return True


def _counted(folders: list[Path]) -> str:
    what = "1 state is" if len(folders) == 1 else f"{len(folders)} states are"
    return f"{what} kept ({size_text(sum(map(bytes_below, folders)))})"
