from pathlib import Path

from pydantic import Field, field_validator

from beauty_mlflow.jobs.outputs import ManifestName
from beauty_mlflow.jobs.parameters import ExistingPath, Job, Parameters, Summary


class Group(Parameters):
    """Merge classes into groups; every picture keeps its part, so full and grouped models can be compared."""

    job = "group"

    data: ExistingPath = Field(min_length=1, description="The split's manifest.")
    groups: str = Field(
        min_length=1, description="A YAML file of group: [classes], or `thesis` for its documented grouping."
    )
    out: ManifestName = Field(min_length=1, description="The grouped manifest to write (.csv).")

    @field_validator("groups")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value != "thesis" and not Path(value).is_file():
            message = f"'{value}' doesn't exist; expected a YAML file of group: [classes], or the word thesis"
            raise ValueError(message)
        return value


def run(parameters: Group) -> Summary:
    """Write the grouped manifest."""
    from beauty_mlflow.data.splits.grouping import group_split, read_groups
    from beauty_mlflow.data.splits.manifest import read_split, write_split
    from beauty_mlflow.data.splits.outputs import check_output, writing
    from beauty_mlflow.jobs.opening import say_notes, split_counts
    from beauty_mlflow.jobs.projects import in_project_run

    out = Path(parameters.out)
    with in_project_run(parameters) as project:
        check_output(out, {"data": parameters.data, "groups": parameters.groups})
        full = read_split(Path(parameters.data))
        groups = read_groups(parameters.groups)
        grouped, notes = group_split(full, groups, allow_missing=parameters.groups == "thesis")
        say_notes(notes)
        with writing(out):
            write_split(grouped, out)
        project.log_split(grouped)
        return [
            ("classes", f"{len(full.classes)} -> {len(grouped.classes)}"),
            *split_counts(grouped),
            ("manifest", out),
            ("next", f"mlflow run . -e finetune -P data={out}"),
            *project.summary(),
        ]


JOB = Job(Group, run)
