from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from beauty_mlflow.jobs.parameters import Job, Summary, known
from beauty_mlflow.jobs.training_parameters import TrainingParameters
from beauty_mlflow.networks.table import NETWORKS

if TYPE_CHECKING:
    from beauty_mlflow.jobs.sessions import Session

SCRATCH_NETWORKS = tuple(name for name, network in NETWORKS.items() if network.scratch)


class Train(TrainingParameters):
    """Train a whole network from random weights, with its own top, as the thesis did for comparison."""

    job = "train"

    network: Annotated[str, AfterValidator(known(SCRATCH_NETWORKS, "network to train from scratch"))] = Field(
        "inception_v3", description=f"One of {', '.join(SCRATCH_NETWORKS)}."
    )
    cache: Literal["auto", "pictures", "none"] = Field(
        "auto", description="What is kept on disk from epoch to epoch: decoded pictures where they fit, or nothing."
    )


def run(parameters: Train) -> Summary:
    """Train from scratch in a run of its own, or go on with an interrupted one."""
    from beauty_mlflow.jobs.sessions import in_session

    return in_session(parameters, parameters.command(), train_in)


def train_in(current: "Session") -> Summary:
    """Train from scratch in an open session."""
    from beauty_mlflow.jobs.building import build_from_scratch
    from beauty_mlflow.jobs.training import train_and_evaluate

    return train_and_evaluate(current, build_from_scratch)


JOB = Job(Train, run)
