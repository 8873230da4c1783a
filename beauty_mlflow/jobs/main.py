from pydantic import Field, model_validator

from beauty_mlflow.jobs.finetune import DEFAULT_BLOCKS, Finetune, finetune_in
from beauty_mlflow.jobs.parameters import Count, ExistingPath, Job, Parameters, Seed, Summary, Switch
from beauty_mlflow.jobs.training_parameters import NetworkName, Weights

_FINETUNE = Finetune.model_fields


class Main(Parameters):
    """Split, finetune and evaluate as one job, in one run."""

    job = "main"

    data: ExistingPath = Field("", description=_FINETUNE["data"].description)
    network: NetworkName = Field("inception_v3", description=_FINETUNE["network"].description)
    blocks: int = Field(DEFAULT_BLOCKS, description=_FINETUNE["blocks"].description)
    epochs: Count = Field(100, description=_FINETUNE["epochs"].description)
    weights: Weights = Field("auto", description=_FINETUNE["weights"].description)
    seed: Seed = Field(0, description=_FINETUNE["seed"].description)
    offline: Switch = Field(False, description=_FINETUNE["offline"].description)

    @model_validator(mode="after")
    def _finetune_accepts(self) -> "Main":
        _ = self.finetune
        return self

    @property
    def finetune(self) -> Finetune:
        """The fine-tuning's parameters; what main doesn't take has its default."""
        return Finetune.parse(self.model_dump())


def run(parameters: Main) -> Summary:
    """Split the data where it isn't split, fine-tune, then evaluate on the test part."""
    from beauty_mlflow.jobs.sessions import in_session

    return in_session(parameters.finetune, parameters.command(), finetune_in, then_evaluate=("test",))


JOB = Job(Main, run)
