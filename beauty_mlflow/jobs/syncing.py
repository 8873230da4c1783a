"""Sending what runs have left unsent, store by store."""

from collections import Counter
from collections.abc import Sequence

from beauty_mlflow.errors import BeautyError, ParameterError, WorkError
from beauty_mlflow.jobs.opening import say_notes
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.progress import console_progress
from beauty_mlflow.tracking.redaction import HIDDEN, redact
from beauty_mlflow.tracking.spool.folder import discard_spool, has_header, is_locked
from beauty_mlflow.tracking.spool.sync import Unsent, send, unsent_spools
from beauty_mlflow.tracking.store import Store, connect, offline_store

ALIVE, SENT, ELSEWHERE = "at work", "sent", "sent by another process"


def sync(run_id: str = "") -> Summary:
    """Send what is unsent, all of it or one run's.

    Raises:
        ParameterError: Nothing of that run is unsent.
        WorkError: Something couldn't be sent; everything else was.
    """
    spools = _chosen(run_id)
    ends: Counter[str] = Counter()
    problems = [spool.problem for spool in spools if spool.problem]
    for destination in sorted({spool.destination for spool in spools if not spool.problem}):
        _send_to(destination, [spool for spool in spools if spool.destination == destination], ends, problems)
    if problems:
        raise WorkError(
            f"{len(problems)} of {len(spools)} runs couldn't be sent: {' '.join(problems)} What is unsent is kept; "
            "give the command again once the reason is gone, or let go of a run with: beauty sync --run ID --discard"
        )
    others = [("still at work", ends[ALIVE]), (ELSEWHERE, ends[ELSEWHERE])]
    return [("sent", f"{ends[SENT]} runs"), *((words, f"{count} runs") for words, count in others if count)]


def send_ended(store: Store) -> None:
    """Send what runs that have ended left unsent for a store, as far as it answers; say what it doesn't take."""
    problems: list[str] = []
    mine = [spool for spool in unsent_spools() if spool.destination == redact(store.uri) and not spool.alive]
    _send_all(store, mine, Counter(), problems)
    say_notes(problems)


def discard(run_id: str) -> Summary:
    """Delete what a run has left unsent.

    Raises:
        ParameterError: Nothing of that run is unsent, or a process is at work on it.
    """
    spools = _chosen(run_id)
    if any(spool.alive for spool in spools):
        raise ParameterError(f"Run {run_id} is still at work in a process, which sends its changes; end that first.")
    for spool in spools:
        discard_spool(spool.folder)
    changes, size = (sum(getattr(spool, name) for spool in spools) for name in ("changes", "bytes"))
    return [("discarded", f"{changes} changes of run {run_id}, {size:,} bytes")]


def _chosen(run_id: str) -> list[Unsent]:
    spools = unsent_spools()
    if not run_id:
        return spools
    chosen = [spool for spool in spools if run_id in (spool.run_id, spool.folder.name)]
    if not chosen:
        listed = ", ".join(spool.run_id for spool in spools) or "none"
        raise ParameterError(
            f"Nothing of run {run_id} is unsent on this machine; runs with something unsent: {listed}."
        )
    return chosen


def _send_to(destination: str, spools: Sequence[Unsent], ends: Counter[str], problems: list[str]) -> None:
    waiting = [spool for spool in spools if not spool.alive]
    ends[ALIVE] += len(spools) - len(waiting)
    for experiment in sorted({spool.experiment for spool in waiting}):
        mine = [spool for spool in waiting if spool.experiment == experiment]
        try:
            store = connect(experiment=experiment, uri=_address(destination))
        except BeautyError as error:
            problems += [f"{spool.run_id}: {error}" for spool in mine]
        else:
            _send_all(store, mine, ends, problems)


def _address(destination: str) -> str:
    """Return a store's URI with its credentials, which aren't kept with what is unsent."""
    if HIDDEN not in destination:
        return destination
    given = offline_store().uri
    if redact(given) != destination:
        raise ParameterError(
            f"What is unsent goes to {destination}, whose password isn't kept: set MLFLOW_TRACKING_URI to that store."
        )
    return given


def _send_all(store: Store, spools: Sequence[Unsent], ends: Counter[str], problems: list[str]) -> None:
    for spool in spools:
        try:
            with console_progress(f"Sending {spool.run_id[:8]}", spool.changes) as bar:
                run_id, status = send(store, spool, bar.update)
        except BeautyError as error:
            if not has_header(spool.folder):
                ends[ELSEWHERE] += 1
            elif is_locked(spool.folder):
                ends[ALIVE] += 1
            else:
                problems.append(f"{spool.run_id}: {error}")
        else:
            ends[SENT] += 1
            begun = f" (offline it was {spool.run_id})" if run_id != spool.run_id else ""
            unfinished = "; it isn't finished: resume it" if status == "RUNNING" else ""
            say_notes([f"run {run_id}{begun}: {spool.changes} changes sent, it is {status}{unfinished}"])
