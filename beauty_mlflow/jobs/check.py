import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from beauty_mlflow.errors import RefusedError
from beauty_mlflow.jobs.parameters import ExistingPath, Job, Parameters, Summary, Switch

if TYPE_CHECKING:
    from beauty_mlflow.data.checkup.checking import Checkup


class Check(Parameters):
    """Look for what is wrong with pictures: broken, blank, blurred, twice there, in two classes, in two parts."""

    job = "check"
    positional = ("data",)

    data: ExistingPath = Field(
        description="A folder of class folders, a split folder, a table (CSV: path, class) or a split's manifest, "
        "here or in S3 (s3://bucket/prefix); empty means the sample."
    )
    out: str = Field(
        "check", min_length=1, description="The folder for report.html, findings.csv, classes.csv, corrections.csv."
    )
    group_by: str = Field(
        "",
        description="The product a picture shows, to be looked for in several parts: a regular expression on the path, "
        "or a column; a manifest has its own.",
    )
    near: int = Field(
        20, ge=0, le=255, description="How much a value of near copies' thumbnails may differ, of 255; split's is 20."
    )
    strict: Switch = Field(
        default=False,
        description="Exit status 3 where something is found that makes figures wrong or pictures useless: broken, "
        "changed or blank pictures, one picture in several classes or parts.",
    )


def run(parameters: Check) -> Summary:
    """Check the data and write the page and the tables."""
    from beauty_mlflow.data.checkup.checking import check_data
    from beauty_mlflow.data.checkup.writing import check_out, write_checkup
    from beauty_mlflow.jobs.opening import data_folder, say_notes
    from beauty_mlflow.jobs.projects import in_project_run

    out = Path(parameters.out)
    with in_project_run(parameters) as project:
        check_out(out)
        data = data_folder(parameters.data)
        checkup = check_data(data, project.progress, group_by=parameters.group_by, near=parameters.near)
        say_notes(checkup.notes)
        proposed, own = write_checkup(checkup, out, project.progress)
        project.log_checkup(out)
        summary = [*_summary(checkup, out), *_next(checkup, parameters, out, proposed, own), *project.summary()]
        if parameters.strict and checkup.serious:
            raise RefusedError(f"{checkup.serious} serious findings; {out / 'report.html'} shows them", summary)
        return summary


def _summary(checkup: "Checkup", out: Path) -> Summary:
    from beauty_mlflow.data.checkup.notes import class_sizes, formats, sizes

    table = checkup.table
    return [
        ("pictures", len(table)),
        ("classes", table["class"].nunique()),
        ("pictures a class", class_sizes(table)),
        ("formats", formats(table)),
        ("sizes", sizes(table)),
        *((kind.name, f"{count} - {kind.title}") for kind, count in checkup.counts.items() if count),
        ("findings", sum(checkup.counts.values())),
        ("page", out / "report.html"),
        ("table", out / "findings.csv"),
    ]


def _next(checkup: "Checkup", parameters: Check, out: Path, proposed: int, own: int) -> Summary:
    corrections = out / "corrections.csv"
    kept = f", delete the lines of pictures to keep from {corrections}" if proposed else ""
    kept += " (or write the class there that the reason says)" if proposed and checkup.corrections else ""
    grouped = checkup.is_split and checkup.serious and checkup.options.get("groups")
    command = shlex.join(_command(checkup, parameters, corrections if proposed or own else None))
    return [
        *([("proposed", f"{proposed} pictures to drop")] if proposed else []),
        *([("kept", f"{own} corrections that the split was made with, in {corrections}")] if own else []),
        ("next", f"look at {out / 'report.html'}{kept}, then: {command}"),
        *([("after that", "group the new manifest as this one was: it has all classes again")] if grouped else []),
    ]


def _command(checkup: "Checkup", parameters: Check, corrections: Path | None) -> list[str]:
    data = parameters.data
    if checkup.is_split and not checkup.serious:
        return ["mlflow", "run", ".", "-e", "finetune", "-P", f"data={data}"]
    leaks = any(count for kind, count in checkup.counts.items() if kind.name.endswith("_other_part"))
    words = ["beauty", "split", "--data", str(checkup.folder) if checkup.is_split else data]
    given = checkup.options.get("strategy") == "given"  # which can't be extended
    words += ["--extend", data] if checkup.is_split and not (leaks or given) else []  # which would keep the parts
    words += _options(checkup, parameters)
    return words + (["--corrections", str(corrections)] if corrections else [])


def _options(checkup: "Checkup", parameters: Check) -> list[str]:
    """Return what to split with as before: the split's options that aren't the defaults and don't let copies leak."""
    from beauty_mlflow.data.splits.options import SplitOptions

    made = {name: checkup.options.get(name) for name in ("train", "val", "test", "duplicates", "group_by", "seed")}
    made["group_by"] = parameters.group_by or made["group_by"]
    left_out = (None, "ignore")
    chosen = {name: value for name, value in made.items() if value not in (*left_out, getattr(SplitOptions(), name))}
    return [word for name, value in chosen.items() for word in (f"--{name.replace('_', '-')}", str(value))]


JOB = Job(Check, run)
