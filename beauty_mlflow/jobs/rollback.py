from typing import TYPE_CHECKING

from pydantic import Field

from beauty_mlflow.jobs.model_names import RegisteredName
from beauty_mlflow.jobs.parameters import Job, Parameters, Summary

if TYPE_CHECKING:
    from beauty_mlflow.tracking.registry import Version
    from beauty_mlflow.tracking.store import Store


class Rollback(Parameters):
    """Put the champion before this one back into use; done twice, it is undone."""

    job = "rollback"

    name: RegisteredName = Field("beauty", description="The registered model.")
    reason: str = Field(min_length=1, max_length=1000, description="Why, for who reads `beauty promotions` later.")


def run(parameters: Rollback) -> Summary:
    """Let `champion` and `previous` change places, and note it in a run."""
    from beauty_mlflow.jobs.opening import say_notes
    from beauty_mlflow.jobs.projects import in_project_run
    from beauty_mlflow.tracking import names
    from beauty_mlflow.tracking.ending import tracked
    from beauty_mlflow.tracking.registry import CHAMPION, PREVIOUS, Registry
    from beauty_mlflow.tracking.runs import Run
    from beauty_mlflow.tracking.store import connect

    with in_project_run(parameters) as project:
        store = connect()
        say_notes(store.run_notes)
        registry = Registry(store, parameters.name)
        say_notes(filter(None, [registry.repair()]))
        champion, previous = registry.require(CHAMPION), registry.require(PREVIOUS)
        tags = {
            names.PROMOTION: parameters.name,
            names.PROMOTION_KIND: "rollback",
            names.PROMOTION_CHAMPION: champion.number,
            names.PROMOTION_VERSION: previous.number,
            names.PROMOTION_CANDIDATE: previous.run_id,
            names.PROMOTION_REASON: parameters.reason,
        }
        run = Run.create(store, f"rollback {parameters.name}", tags)
        with tracked(run, sample=False):
            run.log_parameters(parameters.as_text())
            before, after = (_linked(store, version) for version in (champion, previous))
            words = f"from {before} back to {after}: {parameters.reason}"
            run.describe(f"Takes **{parameters.name}** {words}", parameters.command())
            registry.move({PREVIOUS: champion.number, CHAMPION: previous.number}, champion=champion, run=run)
        return [("champion", previous.uri), ("previous", champion.uri), ("audit", run.run_id), *project.summary()]


def _linked(store: "Store", version: "Version") -> str:
    """Return a version's number, and its training as Markdown where that is still there."""
    from beauty_mlflow.errors import MissingError
    from beauty_mlflow.tracking.runs import Run

    words = f"version {version.number}"
    try:
        return f"{words} ({Run.find(store, version.run_id).link()})" if version.run_id else words
    except MissingError:
        return words


JOB = Job(Rollback, run)
