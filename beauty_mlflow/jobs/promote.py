from pydantic import Field

from beauty_mlflow.jobs.model_names import ModelName, RegisteredName
from beauty_mlflow.jobs.parameters import ExistingPath, Job, Parameters, Summary, Switch


class Promote(Parameters):
    """Put a model into use where it is better than the one in use, on evidence; exit status 3 where it isn't."""

    job = "promote"

    name: RegisteredName = Field("beauty", description="The registered model.")
    candidate: ModelName = Field(
        "",
        description="A run id, or a models:/ or runs:/ URI; empty is the run with the highest best_val_accuracy.",
    )
    experiment: str = Field(
        "", description="Where to look for the candidate; empty is every experiment but beauty-thesis-2018."
    )
    study: str = Field("", description="Only among this study's runs; empty is all.")
    data: ExistingPath = Field(
        "",
        description="A manifest, or anything that can be split, whose test part decides; empty is the candidate's own.",
    )
    gate: str = Field("", description="The conditions, a TOML file (docs/promotion.md); empty is the package's own.")
    dry_run: Switch = Field(False, description="Decide and report, but leave the registry as it is.")
    allow_foreign: Switch = Field(
        False,
        description="Also take a candidate that this package hasn't logged; to ask it, code that came with it is run.",
    )


def run(parameters: Promote) -> Summary:
    """Decide, report, and move the aliases."""
    from beauty_mlflow.jobs.promoting import promote

    return promote(parameters)


JOB = Job(Promote, run)
