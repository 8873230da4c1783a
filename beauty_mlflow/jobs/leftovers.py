"""What crashes have left, asked of every room, and mending it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from beauty_mlflow.cache.leftovers import find as find_in_cache
from beauty_mlflow.errors import BeautyError, ParameterError
from beauty_mlflow.files import cache_folder, state_folder
from beauty_mlflow.jobs.session_leftovers import find as find_states
from beauty_mlflow.jobs.syncing import sync
from beauty_mlflow.leftovers import Leftover, Note
from beauty_mlflow.search.leftovers import find as find_trials
from beauty_mlflow.search.storages import Storage
from beauty_mlflow.temporary import abandoned, abandoned_beside, abandoned_homes, remove
from beauty_mlflow.tracking.leftovers import StoreLeftovers
from beauty_mlflow.tracking.spool.folder import spool_folder
from beauty_mlflow.tracking.spool.sync import Unsent, unbegun_spools, unsent_spools
from beauty_mlflow.tracking.store import Store, project_root, store_folder

SPOOL, ARRIVED, UNBEGUN = "changes that weren't sent", "spool whose changes arrived", "spool with nothing in it"
DAMAGED = "spool that can't be read"
_ROUNDS = 4  # what is mended may show something else: a run whose last changes were sent


@dataclass
class Places:
    """Where to look.

    Args:
        store: The tracking store; None where it isn't there or doesn't answer.
        storage: Where trials are kept; None likewise.
        folders: To look through for temporary files, beside our own.
        silent_hours: See ``StoreLeftovers``.
    """

    store: Store | None
    storage: Storage | None
    folders: Sequence[Path] = ()
    silent_hours: float = 0.0


@dataclass
class Found:
    """What there is.

    Attributes:
        leftovers: In the order in which they have to be mended.
        notes: What can't be told, or is kept for a reason.
        problems: Where nothing could be seen.
    """

    leftovers: list[Leftover] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass
class Mended:
    """What came of mending.

    Attributes:
        done: What was mended.
        left: What somebody uses by now, what takes the user, and what couldn't be mended, each with why.
        notes: As of the last look.
        problems: Likewise.
    """

    done: list[Leftover] = field(default_factory=list)
    left: list[tuple[Leftover, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def find(places: Places) -> Found:
    """Ask every room; one that can't answer keeps none of the others from it."""
    found = Found()
    for look in (_spools, _tracked, _trials, _cache, _temporary):
        try:
            found.leftovers += look(places, found.notes.append)
        except (BeautyError, OSError) as error:
            found.problems.append(str(error))
    return found


def mend(places: Places, found: Found) -> Mended:
    """Mend what can be, and look again until nothing more comes up."""
    mended = Mended()
    for _ in range(_ROUNDS):
        results = [(one, _mend(one)) for one in found.leftovers]
        done = [one for one, why in results if not why]
        mended.done += done
        mended.left = [(one, why) for one, why in results if why]
        if not done:
            break
        found = find(places)
    else:
        mended.left = [(one, "it came up again") for one in found.leftovers]
    mended.notes, mended.problems = found.notes, found.problems
    return mended


def _mend(one: Leftover) -> str:
    """Return why it couldn't be mended; empty where it was."""
    if one.mend is None:
        return one.remedy
    try:
        return "" if one.mend() else "somebody uses it by now"
    except (BeautyError, OSError) as error:
        return str(error)


def _spools(_: Places, note: Note) -> list[Leftover]:
    spools = unsent_spools()
    alive = sum(spool.alive for spool in spools)
    if alive:
        note(f"{alive} runs that are at work keep what they log until it has arrived")
    begun = [
        Leftover(UNBEGUN, str(folder), "remove it", partial(_remove_unbegun, folder), since=folder.stat().st_mtime)
        for folder in unbegun_spools()
    ]
    return begun + [_spool(spool) for spool in spools if not spool.alive]


def _spool(spool: Unsent) -> Leftover:
    if spool.problem:
        remedy, since = f"delete it: beauty sync --run {spool.run_id} --discard", spool.folder.stat().st_mtime
        return Leftover(DAMAGED, str(spool.folder), remedy, None, spool.bytes, since, spool.problem)
    kind, remedy = (SPOOL, "send them, as `beauty sync` does") if spool.changes else (ARRIVED, "remove it")
    where, size, since = f"{spool.run_id} to {spool.destination}", spool.bytes, spool.folder.stat().st_mtime
    details = f"{spool.changes} changes" if spool.changes else ""
    return Leftover(kind, where, remedy, partial(_send, spool.folder.name), size, since, details)


def _remove_unbegun(folder: Path) -> bool:
    if folder in unbegun_spools():
        remove(folder)
    return not folder.exists()


def _send(key: str) -> bool:
    with suppress(ParameterError):  # another process has sent it meanwhile
        sync(key)
    return not (spool_folder() / key).exists()


def _tracked(places: Places, note: Note) -> Iterator[Leftover]:
    if places.store is None:
        return
    spools = [spool for spool in unsent_spools() if spool.changes or spool.alive or spool.problem]
    unsent = {name for spool in spools for name in (spool.run_id, spool.folder.name)}
    looking = StoreLeftovers(places.store, unsent, places.silent_hours, note)
    yield from looking.find()
    yield from find_states(looking)


def _trials(places: Places, note: Note) -> list[Leftover]:
    return find_trials(places.storage, note) if places.storage else []


def _cache(_: Places, __: Note) -> list[Leftover]:
    return find_in_cache()


def _temporary(places: Places, _: Note) -> Iterator[Leftover]:
    store = places.store and store_folder(places.store.uri)
    beside = {folder.resolve() for folder in (Path.cwd(), project_root(), *([store] if store else []))}
    below = {folder.resolve() for folder in (cache_folder(), state_folder(), *places.folders)}
    seen: set[str] = set()
    found = [*abandoned_homes()]
    found += [one for folder in sorted(below) for one in abandoned(folder)]
    found += [one for folder in sorted(beside) for one in abandoned_beside(folder)]
    for one in found:
        if one.where not in seen:
            seen.add(one.where)
            yield one
