from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from beauty_mlflow.data.published import CLASSES
from beauty_mlflow.jobs.model_names import ModelName
from beauty_mlflow.jobs.outputs import ManifestName
from beauty_mlflow.jobs.parameters import ExistingPath, Job, Parameters, Summary, existing, existing_file

AUTO = "auto"
_GROUPS = f"a YAML file of group: [classes], or the word thesis or {AUTO}"


class Group(Parameters):
    """Merge classes into groups; every picture keeps its part, so full and grouped models can be compared."""

    job = "group"

    data: ExistingPath = Field(
        "", description="The split's manifest; with groups=auto, empty is the split that the model was trained on."
    )
    groups: Annotated[str, existing_file(_GROUPS, "thesis", AUTO)] = Field(
        min_length=1,
        description="A YAML file of group: [classes]; `thesis` for its documented grouping; or `auto`: classes that a "
        "model confuses on its validation pictures are merged.",
    )
    out: ManifestName = Field(min_length=1, description="The grouped manifest to write (.csv).")
    model: ModelName = Field(
        "", description="groups=auto: whose confusions count: a run id, or a models:/ or runs:/ URI."
    )
    classes: int = Field(
        CLASSES["grouped"],
        ge=0,
        description="groups=auto: how many classes are to be left, groups and single ones; 0 is the number with which "
        "the model's wrong answers have the shortest description (MDL).",
    )
    constraints: Annotated[str, existing("a YAML file of constraints")] = Field(
        "",
        description="groups=auto: a YAML file of what must stay apart (keep_apart, within_family, families).",
    )
    groups_out: str = Field(
        "",
        description="groups=auto: the YAML file for the groups and the reason for each merge; empty is out's name with "
        ".groups.yaml.",
    )

    @field_validator("groups_out")
    @classmethod
    def _is_yaml(cls, value: str) -> str:
        if value and Path(value).suffix not in (".yaml", ".yml"):
            message = f"'{value}' is no name for the groups; expected a file name that ends in .yaml"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> "Group":
        needed = "model" if self.groups == AUTO else "data"
        if not getattr(self, needed):
            description = type(self).model_fields[needed].description or ""
            message = f"{needed} is missing: {description.removeprefix('groups=auto: ').rstrip('.')}"
            raise ValueError(message)
        wrong = [name for name in ("model", "classes", "constraints", "groups_out") if name in self.changed()]
        if self.groups != AUTO and wrong:
            message = f"{', '.join(wrong)}: only groups={AUTO} takes that; groups is '{self.groups}'"
            raise ValueError(message)
        return self

    def _portable(self, name: str, value: object) -> str:
        return AUTO if name == "groups" and value == AUTO else super()._portable(name, value)

    @property
    def groups_file(self) -> Path:
        """Where the groups that are found are written."""
        return Path(self.groups_out) if self.groups_out else Path(self.out).with_suffix(".groups.yaml")


def run(parameters: Group) -> Summary:
    """Write the grouped manifest."""
    if parameters.groups == AUTO:
        from beauty_mlflow.jobs.grouping import group_by_confusion

        return group_by_confusion(parameters)
    from beauty_mlflow.data.sources.locations import locate
    from beauty_mlflow.data.splits.grouping import group_split, read_groups
    from beauty_mlflow.data.splits.manifest import folder_notes, read_split, write_split
    from beauty_mlflow.data.splits.outputs import check_output, writing
    from beauty_mlflow.jobs.opening import say_notes, split_counts
    from beauty_mlflow.jobs.projects import in_project_run

    out = Path(parameters.out)
    with in_project_run(parameters) as project:
        check_output(out, {"data": parameters.data, "groups": parameters.groups})
        data = locate(parameters.data)
        full = read_split(data)
        groups = read_groups(parameters.groups)
        grouped, notes = group_split(full, groups, allow_missing=parameters.groups == "thesis")
        say_notes([*folder_notes(data, full.folder), *notes])
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
