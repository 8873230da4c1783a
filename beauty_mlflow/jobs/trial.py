"""One trial of a search: a training whose figures the search follows. ``python -m`` runs it as the search's process."""

import importlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from beauty_mlflow.errors import BeautyError, Interrupted, MissingError, PrunedError, UnreachableError
from beauty_mlflow.interruption import catch_signals
from beauty_mlflow.jobs import load_job
from beauty_mlflow.jobs.following import Follower
from beauty_mlflow.jobs.opening import say_notes
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.jobs.sessions import Session, in_session
from beauty_mlflow.processes import this_host
from beauty_mlflow.search.executors.base import Listener, Outcome
from beauty_mlflow.search.executors.pipe import PipeListener
from beauty_mlflow.shortages import explain
from beauty_mlflow.temporary import temporary_home
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.console import warn
from beauty_mlflow.tracking.epochs import sums_of
from beauty_mlflow.tracking.finding import child_runs
from beauty_mlflow.tracking.redaction import redact
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect


def run_trial(content: Mapping[str, Any], listener: Listener) -> Outcome:
    """Train as the content says, in a child run of the sweep's, and return what came of it.

    Args:
        content: ``job``, ``parameters`` (as text), ``name`` and ``tags`` of the run, ``continues`` (the run of a dead
            trial, or empty), ``store`` (MLFLOW_TRACKING_URI), ``experiment`` (its id) and ``compared`` (the process
            that has compared the pictures with their manifest; on another machine it is done again).
        listener: The search.
    """
    os.environ["MLFLOW_TRACKING_URI"], os.environ["MLFLOW_EXPERIMENT_ID"] = content["store"], content["experiment"]
    parameters = load_job(content["job"]).parameters.parse(content["parameters"])
    work = getattr(importlib.import_module(f"beauty_mlflow.jobs.{content['job']}"), f"{content['job']}_in")
    try:
        _close_earlier(content["tags"], content["continues"])
        complete = _complete(content["continues"])
    except UnreachableError as error:
        say_notes([f"{error} This trial is kept on this machine until `beauty sync`."])
        parameters, complete = parameters.model_copy(update={"offline": True}), None
    if complete:
        return _told_again(complete, content["tags"], listener)
    done: list[Session] = []

    def follow(current: Session) -> Summary:
        done.append(current)
        return _with_state(current, work)

    follower = Follower(
        name=content["name"],
        tags=content["tags"],
        continues=content["continues"],
        has_checked=content["compared"]["host"] == this_host(),
        started=listener.started,
        epoch=listener.epoch,
        keeps_model=listener.keeps_model,
    )
    try:
        in_session(parameters, parameters.command(), follow, follower=follower)  # type: ignore[arg-type]
    except PrunedError:
        return Outcome("pruned")
    except (KeyboardInterrupt, Interrupted):
        return Outcome("interrupted")
    except BeautyError as error:
        return Outcome("failed", reason=redact(str(error)))
    except Exception as error:  # noqa: BLE001 - whatever it is, the search goes on with other values
        return Outcome("failed", reason=redact(explain(error) or f"{type(error).__name__}: {error}"))
    return Outcome("complete", figures_of(done[-1].run))


def figures_of(run: Run) -> Mapping[str, float]:
    """Return what a finished trial's run came to: ``names.OBJECTIVES``, and more."""
    known = run.parameters()
    sizes = {name: float(known[name]) for name in (names.PARAMETERS_TOTAL, names.PARAMETERS_TRAINABLE)}
    metrics = run.metrics()
    return {**metrics, **sizes, names.SECONDS: sums_of(run, metrics)[names.SECONDS]}


def _close_earlier(tags: Mapping[str, str], continues: str) -> None:
    """Close the runs of this very trial that a process or a node has left RUNNING when it died."""
    store = connect()
    parent = Run.find(store, tags[names.PARENT])
    if names.TRIAL_NUMBER in tags:
        earlier = child_runs(store, parent, {names.TRIAL_NUMBER: tags[names.TRIAL_NUMBER]}, status="RUNNING")
        closing = {names.ERROR: "its worker died", names.TRIAL_STATE: "FAIL"}
    else:  # of those that confirm a trial, the others are at work on other seeds
        confirming = child_runs(store, parent, {names.CONFIRM: tags[names.CONFIRM]}, status="RUNNING")
        earlier = [run for run in confirming if run.run_id == continues]
        closing = {names.ERROR: "its worker died"}
    for run in earlier:
        run.finish("FAILED", closing)


def _complete(continues: str) -> Run | None:
    """Return the run that a trial goes on from if there is nothing left to do: its search died before it heard so."""
    if not continues:
        return None
    try:
        run = Run.find(connect(), continues)
    except MissingError:  # it was deleted
        return None
    return run if run.status == "FINISHED" and run.tags.get(names.TRIAL_STATE) == "COMPLETE" else None


def _told_again(run: Run, tags: Mapping[str, str], listener: Listener) -> Outcome:
    """Tell the search of a run that came to its end as an earlier trial; from now on it is this one's."""
    listener.started(run.run_id)
    histories = {name: run.metric_history(name) for name in names.EPOCH_METRICS}
    for epoch in histories["val_loss"]:
        listener.epoch(epoch, {name: history[epoch] for name, history in histories.items()})
    if names.TRIAL_NUMBER in tags:  # those that confirm a trial have none
        run.set_tags({names.TRIAL_NUMBER: tags[names.TRIAL_NUMBER]})
    return Outcome("complete", figures_of(run))


def _with_state(current: Session, work: Any) -> Summary:  # noqa: ANN401 - a function of the session
    try:
        summary: Summary = work(current)
    except PrunedError:
        with _tolerant(current.run):
            epoch = max(current.run.metric_history("val_loss"), default=0)
            current.run.set_tags({names.TRIAL_STATE: "PRUNED", names.PRUNED: f"after epoch {epoch}"})
        raise
    except BaseException:
        with _tolerant(current.run):
            current.run.set_tags({names.TRIAL_STATE: "FAIL"})
        raise
    current.run.set_tags({names.TRIAL_STATE: "COMPLETE"})
    return summary


@contextmanager
def _tolerant(run: Run) -> Iterator[None]:
    """Say what goes wrong as a trial's end is written down: it ends as it does."""
    try:
        yield
    except (BeautyError, OSError) as error:
        warn(f"the tags of the run {run.run_id} may not say how its trial has ended: {error}")


def main() -> None:
    """Read the task from standard input and speak with the search; whatever is printed meanwhile goes to stderr."""
    catch_signals()
    from_driver, to_driver = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    content = json.loads(from_driver.readline())
    listener = PipeListener(to_driver, from_driver)
    try:
        with temporary_home():
            outcome = run_trial(content, listener)
    except (KeyboardInterrupt, Interrupted):
        outcome = Outcome("interrupted")
    except BeautyError as error:
        outcome = Outcome("failed", reason=redact(str(error)))
    sys.stderr.write(f"{outcome.end} {outcome.reason}\n")
    try:
        listener.ended(outcome)
    except BrokenPipeError:
        sys.stderr.write("the search is gone\n")


if __name__ == "__main__":
    main()
