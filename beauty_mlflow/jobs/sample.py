from pathlib import Path

from pydantic import Field

from beauty_mlflow.jobs.parameters import Count, Job, Parameters, Seed, Summary


class Sample(Parameters):
    """Draw the synthetic sample: pictures of product boxes in the thesis's folder layout."""

    job = "sample"

    out: str = Field(min_length=1, description="The folder to make; it must not hold anything yet.")
    classes: int = Field(12, ge=2, le=73, description="How many of the thesis's categories, 2 to 73.")
    images: Count = Field(30, description="Pictures a class.")
    seed: Seed = Field(0, description="The same seed draws the same pictures, byte by byte.")


def run(parameters: Sample) -> Summary:
    """Draw the sample into ``out``."""
    from beauty_mlflow.data.sample import make_sample
    from beauty_mlflow.jobs.projects import in_project_run
    from beauty_mlflow.progress import console_progress

    out = Path(parameters.out)
    with in_project_run(parameters) as project:
        make_sample(
            out,
            classes=parameters.classes,
            images=parameters.images,
            seed=parameters.seed,
            progress=console_progress,
        )
        return [
            ("folder", out),
            ("classes", parameters.classes),
            ("pictures", parameters.classes * parameters.images),
            ("next", f"beauty split --data {out}"),
            *project.summary(),
        ]


JOB = Job(Sample, run)
