import re
from typing import Annotated

from pydantic import AfterValidator, Field

from beauty_mlflow.jobs.model_names import RUN_ID
from beauty_mlflow.jobs.parameters import Job, Parameters, Summary, Switch

_BETWEEN = re.compile(r"[\s,]+")


def run_ids(text: str) -> list[str]:
    """Return the ids in a text, each once, in order."""
    return list(dict.fromkeys(word for word in _BETWEEN.split(text) if word))


def _are_run_ids(value: str) -> str:
    for word in run_ids(value):
        if not RUN_ID.fullmatch(word):
            message = f"'{word}' is no run id; expected runs' ids (32 hex digits each) with commas or spaces between"
            raise ValueError(message)
    return value


class Compare(Parameters):
    """Draw trainings side by side: against depth, all classes against groups, against the number of pictures."""

    job = "compare"

    runs: Annotated[str, AfterValidator(_are_run_ids)] = Field(
        "", description="Ids of runs, with commas or spaces between; a sweep's id means its trials."
    )
    experiment: str = Field(
        "",
        description="Names of experiments, with commas between, whose trainings are compared; without this and "
        "`runs`, the experiment that runs go to.",
    )
    latest: int = Field(
        500,
        ge=0,
        description="Of the experiments' trainings, the latest so many are read; 0 is all, which takes longer.",
    )
    control: Switch = Field(
        True,
        description="Where all classes stand against groups, also ask the models of all classes about the validation "
        "pictures and sum their probabilities into the groups; takes as long as an evaluation each.",
    )
    out: str = Field("", description="A folder to write the figures, the page and the table to, beside the run.")


def run(parameters: Compare) -> Summary:
    """Read the runs, draw, log."""
    from beauty_mlflow.jobs.comparing import compare

    return compare(parameters)


JOB = Job(Compare, run)
