"""Looking at this machine and at what crashes have left on it, telling of both, and mending."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from beauty_mlflow.cache.sizes import size_text
from beauty_mlflow.errors import StorageError
from beauty_mlflow.jobs.doctor import Doctor
from beauty_mlflow.jobs.environment import (
    Check,
    check_disks,
    check_packages,
    check_project,
    check_store,
    check_weights,
)
from beauty_mlflow.jobs.leftovers import Found, Mended, Places, find, mend
from beauty_mlflow.jobs.opening import say_notes
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.jobs.tables import print_table
from beauty_mlflow.jobs.trial_storage import default_storage
from beauty_mlflow.leftovers import Leftover
from beauty_mlflow.search.storages import Storage, open_storage
from beauty_mlflow.tracking.looking import look
from beauty_mlflow.tracking.store import offline_store, store_folder

_AGES = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def examine(parameters: Doctor) -> tuple[Summary, str]:
    """Print what is found, and mend it where that is wanted.

    Returns:
        The summary, and what is wrong in a sentence; empty where nothing is.
    """
    uri = offline_store().uri
    store_check, store = check_store(look, uri)
    with ExitStack() as opened:
        trials_check, storage = _open(parameters.storage, uri)
        if storage:
            opened.enter_context(closing(storage))
        disks = check_disks(store_folder(uri))
        checks = [*check_packages(), *disks, store_check, *trials_check, check_weights(), *check_project()]
        print_table(("check", "state", "what"), [(check.name, check.state, check.words) for check in checks])
        folders = [Path(parameters.folder)] if parameters.folder else []
        places = Places(store, storage, folders, parameters.silent_hours)
        found = find(places)
        _print(found.leftovers)
        return _mended(checks, mend(places, found)) if parameters.fix else _told(checks, found)


def _told(checks: Sequence[Check], found: Found) -> tuple[Summary, str]:
    say_notes([*found.notes, *found.problems])
    words = _wrong(checks, found.problems)
    if found.leftovers:
        words.append("what crashes have left is mended by: beauty doctor --fix")
    return [*_checked(checks), ("left by crashes", _counted(found.leftovers))], "; ".join(words)


def _mended(checks: Sequence[Check], mended: Mended) -> tuple[Summary, str]:
    stays = [f"{one.kind} {one.where} stays: {why}" for one, why in mended.left]
    say_notes([*mended.notes, *mended.problems, *stays])
    words = _wrong(checks, mended.problems)
    if stays:
        words.append(f"{len(stays)} things couldn't be mended, see above")
    lines = [("mended", _counted(mended.done)), ("stays", _counted([one for one, _ in mended.left]))]
    return [*_checked(checks), *lines], "; ".join(words)


def _wrong(checks: Sequence[Check], problems: Sequence[str]) -> list[str]:
    names = ", ".join(check.name for check in checks if check.state == "wrong")
    return [*([f"wrong: {names}"] if names else []), *([f"{len(problems)} places can't be read"] if problems else [])]


def _checked(checks: Sequence[Check]) -> Summary:
    wrong = sum(check.state == "wrong" for check in checks)
    return [("checks", f"{wrong} of {len(checks)} wrong" if wrong else f"{len(checks)}, none wrong")]


def _open(text: str, uri: str) -> tuple[list[Check], Storage | None]:
    """Open where trials are kept; a file that isn't there is never made."""
    path = text or str(default_storage(uri))
    if "://" not in path and not Path(path).expanduser().exists():
        return ([Check("trials", "wrong", f"there is no '{path}'")] if text else []), None
    try:
        storage = open_storage(path)
    except StorageError as error:
        return [Check("trials", "wrong", str(error))], None
    return [Check("trials", "ok", f"the {storage.words} answers")], storage


def _print(leftovers: Sequence[Leftover]) -> None:
    print_table(("left by a crash", "which", "size", "age", "what mends it"), [_line(one) for one in leftovers])


def _line(one: Leftover) -> tuple[str, ...]:
    which = f"{one.where} ({one.details})" if one.details else one.where
    return one.kind, which, size_text(one.size) if one.size else "-", _age(one.since), one.remedy


def _age(since: float) -> str:
    seconds = max(time.time() - since, 1)
    return next(f"{seconds / step:.0f} {unit}" for step, unit in _AGES if seconds >= step) if since else "-"


def _counted(leftovers: Sequence[Leftover]) -> str:
    size = sum(one.size for one in leftovers)
    return f"{len(leftovers)}, {size_text(size)}" if size else str(len(leftovers))
