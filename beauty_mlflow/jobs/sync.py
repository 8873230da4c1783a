from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from beauty_mlflow.jobs.model_names import RUN_ID
from beauty_mlflow.jobs.parameters import Job, Parameters, Summary, Switch


def _run_id(value: str) -> str:
    if value and not RUN_ID.fullmatch(value):
        message = f"'{value}' is no run id; expected 32 hex digits, as `beauty sync` lists them"
        raise ValueError(message)
    return value


class Sync(Parameters):
    """Send what runs couldn't send to their tracking store: it didn't answer as they ended, or they were offline."""

    job = "sync"

    run: Annotated[str, AfterValidator(_run_id)] = Field("", description="Only this run; empty is every one.")
    discard: Switch = Field(False, description="Delete what `run` has left unsent instead, for good.")

    @model_validator(mode="after")
    def _discards_one(self) -> "Sync":
        if self.discard and not self.run:
            message = "discard=true needs run: the id of the run whose unsent changes are to be deleted"
            raise ValueError(message)
        return self


def run(parameters: Sync) -> Summary:
    """Send every spool of this user, each to the store that it was meant for."""
    from beauty_mlflow.jobs.projects import in_project_run
    from beauty_mlflow.jobs.syncing import discard, sync

    with in_project_run(parameters) as project:
        done = discard(parameters.run) if parameters.discard else sync(parameters.run)
        return [*done, *project.summary()]


JOB = Job(Sync, run)
