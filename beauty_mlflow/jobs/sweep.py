from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from beauty_mlflow.jobs.parameters import ExistingPath, Job, Parameters, Seed, Summary


def _one_line(value: str) -> str:
    if not value.isprintable():
        message = f"{value!r} isn't printable text; expected a name on one line"
        raise ValueError(message)
    return value


class Sweep(Parameters):
    """Search for the best depth, learning rate and more; go on with the same search where it is there already."""

    job = "sweep"

    config: str = Field("sweeps/depth_lr.toml", min_length=1, description="The sweep file (TOML; docs/sweeps.md).")
    data: ExistingPath = Field("", description="As finetune's; empty is the embedded sample.")
    trials: int = Field(0, ge=0, description="Trials in all; 0 is the file's number.")
    workers: int = Field(1, ge=1, description="Trials at a time on this machine, which share its cores and GPUs.")
    storage: str = Field(
        "",
        description="Where the trials are kept: a SQLite file's path, a journal file's (.journal), the URL of a "
        "PostgreSQL, MySQL or MariaDB database, or memory; empty is a SQLite file beside the tracking store.",
    )
    study: Annotated[str, AfterValidator(_one_line)] = Field(
        "", max_length=500, description="The study's name; empty is the file's name and the data's fingerprint."
    )
    executor: Literal["local", "ray"] = Field(
        "local", description="local: each trial a process of this machine; ray: a task of a Ray cluster."
    )
    timeout: float = Field(
        0, ge=0, allow_inf_nan=False, description="Seconds after which no further run starts; 0 is the file's."
    )
    seed: Seed = Field(0, description="Of the sampler and the trials; 0 is the file's.")


def run(parameters: Sweep) -> Summary:
    """Run the sweep to its end, or until it is interrupted."""
    from beauty_mlflow.jobs.sweeping import sweep

    return sweep(parameters)


JOB = Job(Sweep, run)
