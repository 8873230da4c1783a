import tempfile
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from beauty_mlflow.jobs.outputs import ManifestName
from beauty_mlflow.jobs.parameters import ExistingPath, Job, Parameters, Seed, Summary, Switch, existing_file

Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class Split(Parameters):
    """Decide once which picture is train, validation or test, and write it down as a manifest."""

    job = "split"

    data: ExistingPath = Field(
        description="A folder of class folders, a split folder, or a table (CSV: path, class), here or in S3 "
        "(s3://bucket/prefix); empty means the sample."
    )
    out: ManifestName = Field("split.csv", description="The manifest to write; its sidecars get the same stem.")
    strategy: Literal["stratified", "thesis"] = Field(
        "stratified", description="A seeded placement a class, or the thesis's cut by file name."
    )
    train: Share = Field(0.8, description="Share of the training part.")
    val: Share = Field(0.1, description="Share of the validation part.")
    test: Share = Field(0.1, description="Share of the test part.")
    duplicates: Literal["together", "drop", "ignore"] = Field(
        "together",
        description="Exact and near duplicates: kept in one part, all but one left out, or only counted.",
    )
    group_by: str = Field(
        "",
        description="The product a picture shows (stays in one part): a regular expression on the path, or a column.",
    )
    extend: Annotated[str, existing_file("the manifest of an earlier split")] = Field(
        "", description="An older manifest whose pictures keep their parts."
    )
    corrections: Annotated[str, existing_file("a table with the columns path and class")] = Field(
        "",
        description="A table (CSV: path, class or drop) of pictures to relabel or leave out, as evaluate proposes one.",
    )
    seed: Seed = Field(0, description="Seed of the placement.")
    materialize: Literal["none", "link", "copy"] = Field(
        "none",
        description="Also make train, validation and test folders beside the manifest, of links (hard ones; symbolic "
        "where the file system allows no others) or copies.",
    )
    strict: Switch = Field(
        default=False, description="A broken picture is an error instead of a line in the quarantine."
    )

    @model_validator(mode="after")
    def _sums_to_one(self) -> "Split":
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-6:  # noqa: PLR2004 - rounding of three decimals
            message = f"train + val + test must sum to 1, got {self.train} + {self.val} + {self.test} = {total:g}"
            raise ValueError(message)
        return self


def run(parameters: Split) -> Summary:
    """Split the data and write manifest, sidecar and quarantine."""
    from beauty_mlflow.data.checkup.checking import check_splitting
    from beauty_mlflow.data.checkup.measuring import Measuring
    from beauty_mlflow.data.checkup.writing import write_checkup
    from beauty_mlflow.data.splits.materialize import check_target, materialize
    from beauty_mlflow.data.splits.outputs import check_output, writing
    from beauty_mlflow.data.splits.splitting import split_data, write_splitting
    from beauty_mlflow.jobs.opening import data_folder, say_notes, split_options, split_summary
    from beauty_mlflow.jobs.projects import in_project_run

    out = Path(parameters.out)
    with in_project_run(parameters) as project:
        check_output(out, {name: getattr(parameters, name) for name in ("data", "extend", "corrections")})
        if parameters.materialize != "none":
            check_target(out.with_suffix(""))
        measure = Measuring() if project.run else None
        splitting = split_data(data_folder(parameters.data), split_options(parameters), project.progress, measure)
        say_notes(splitting.notes)
        with writing(out):
            write_splitting(splitting, out)
            if parameters.materialize != "none":
                how = parameters.materialize
                say_notes(materialize(splitting.split, out.with_suffix(""), how, project.progress))
        project.log_split(splitting.split)
        if project.run:
            with tempfile.TemporaryDirectory() as folder:
                checkup = check_splitting(parameters.data or "the sample", splitting)
                write_checkup(checkup, Path(folder), project.progress)
                project.log_checkup(Path(folder))
        return [
            *split_summary(splitting),
            ("manifest", out),
            ("next", f"mlflow run . -e finetune -P data={out}"),
            *project.summary(),
        ]


JOB = Job(Split, run)
