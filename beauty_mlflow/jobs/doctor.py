from typing import Annotated

from pydantic import Field

from beauty_mlflow.jobs.parameters import Job, Parameters, Summary, Switch, existing


class Doctor(Parameters):
    """Look for what crashes have left, and whether this machine has what is needed; with fix, mend it.

    Exits with 0 where nothing is wrong or all of it was mended, and with 3 where something is.
    """

    job = "doctor"

    fix: Switch = Field(False, description="Mend what was found; nothing that a living process uses is touched.")
    silent_hours: float = Field(
        0,
        ge=0,
        allow_inf_nan=False,
        description="End RUNNING runs whose process can't be seen from here (another machine's or user's, or unknown) "
        "once they have logged no figure for so many hours; 0 leaves them alone.",
    )
    storage: str = Field("", description="Where sweeps keep their trials; empty is optuna.db beside the store.")
    folder: Annotated[str, existing("a folder")] = Field(
        "", description="A folder to look through for temporary files, beside our own."
    )


def run(parameters: Doctor) -> Summary:
    """Look, say, and mend where that is wanted.

    Raises:
        RefusedError: Something is wrong.
    """
    from beauty_mlflow.errors import RefusedError
    from beauty_mlflow.jobs.examining import examine
    from beauty_mlflow.jobs.projects import in_project_run

    with in_project_run(parameters) as project:
        summary, wrong = examine(parameters)
        summary += project.summary()
    if wrong:
        raise RefusedError(wrong, summary)
    return summary


JOB = Job(Doctor, run)
