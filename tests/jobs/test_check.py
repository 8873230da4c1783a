"""The command check, alone, with other commands, and what split logs of it."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from beauty_mlflow.data.safe_tables import read_table
from beauty_mlflow.data.splits.grouping import group_split
from beauty_mlflow.data.splits.manifest import read_split, write_split
from beauty_mlflow.errors import DataError, ParameterError, RefusedError
from beauty_mlflow.jobs.check import Check
from beauty_mlflow.jobs.check import run as check
from beauty_mlflow.jobs.split import Split
from beauty_mlflow.jobs.split import run as split
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

FILES = ["check/classes.csv", "check/corrections.csv", "check/findings.csv", "check/report.html"]


@pytest.fixture
def spoiled(pictures, tmp_path):
    """The sample with one file in two classes, and one that is broken."""
    data = shutil.copytree(pictures, tmp_path / "data")
    first, second, *_ = sorted(data.iterdir())
    shutil.copy(min(first.iterdir()), second / "wrong.jpg")
    (second / "broken.jpg").write_bytes(b"no picture")
    return data


@pytest.fixture
def project(local_store, monkeypatch):
    """The run that `mlflow run` would have made for this process."""
    client = connect().client
    made = client.create_run("0")
    monkeypatch.setenv("MLFLOW_RUN_ID", made.info.run_id)
    return made.info.run_id


def artifacts(run_id):
    return sorted(item.path for item in connect().client.list_artifacts(run_id, "check"))


def test_the_summary_counts_the_findings_and_says_what_to_do(spoiled, tmp_path):
    out = tmp_path / "check"
    summary = dict(check(Check(data=str(spoiled), out=str(out))))
    assert summary["pictures"] == 49
    assert summary["broken"] == "1 - Files that can't be used"
    assert summary["exact_other_class"] == "2 - The same file in several classes"
    assert summary["findings"] == len(read_table(out / "findings.csv")[1]) == 5
    assert summary["proposed"] == "2 pictures to drop"
    assert summary["next"].endswith(f"beauty split --data {spoiled} --corrections {out}/corrections.csv")
    assert "blank" not in summary


def test_what_it_says_to_do_next_works(spoiled, tmp_path):
    check(Check(data=str(spoiled), out=str(tmp_path / "check")))
    corrections = str(tmp_path / "check" / "corrections.csv")
    split(Split(data=str(spoiled), corrections=corrections, out=str(tmp_path / "split.csv")))
    assert len(read_split(tmp_path / "split.csv").table) == 47
    summary = dict(check(Check(data=str(tmp_path / "split.csv"), out=str(tmp_path / "again"))))
    assert summary["findings"] == 0
    assert summary["next"].endswith(f"mlflow run . -e finetune -P data={tmp_path}/split.csv")


def test_a_split_with_leaks_is_to_be_made_again_and_one_with_other_findings_to_be_extended(spoiled, tmp_path):
    split(Split(data=str(spoiled), out=str(tmp_path / "split.csv")))
    manifest = str(tmp_path / "split.csv")
    summary = dict(check(Check(data=manifest, out=str(tmp_path / "check"))))
    assert f"beauty split --data {spoiled} --extend {manifest} --corrections" in summary["next"]
    same_name = r"[^/]+\.jpg"
    summary = dict(check(Check(data=manifest, group_by=same_name, out=str(tmp_path / "again"))))
    leaks = "product_other_part" in summary
    assert ("--extend" in summary["next"]) != leaks
    assert f"--group-by '{same_name}'" in summary["next"]


def test_after_a_split_of_groups_is_made_again_it_has_to_be_grouped_again(spoiled, tmp_path):
    """Whatever was found in it: splitting again gives all classes."""
    split(Split(data=str(spoiled), duplicates="ignore", out=str(tmp_path / "split.csv")))
    made = read_split(tmp_path / "split.csv")
    grouped, _ = group_split(made, {"all": list(made.classes)[2:]})
    write_split(grouped, tmp_path / "grouped.csv")
    for name, again in (("split", False), ("grouped", True)):
        summary = dict(check(Check(data=str(tmp_path / f"{name}.csv"), out=str(tmp_path / f"check-{name}"))))
        assert ("after that" in summary) == again


def test_what_a_split_was_made_with_is_part_of_what_to_do_next(spoiled, tmp_path):
    picture, manifest, out = max(spoiled.glob("*/*")).relative_to(spoiled), tmp_path / "split.csv", tmp_path / "check"
    (tmp_path / "own.csv").write_text(f"path,class\n{picture},drop\n")
    product = r"\d+\.jpg|[^/]+$"
    options = {"group_by": product, "train": "0.6", "val": "0.2", "test": "0.2", "seed": "7"}
    given = {"data": str(spoiled), "corrections": str(tmp_path / "own.csv"), "duplicates": "ignore", **options}
    split(Split.parse({**given, "out": str(manifest)}))
    summary = dict(check(Check(data=str(manifest), out=str(out))))
    assert summary["kept"] == f"1 corrections that the split was made with, in {out}/corrections.csv"
    command = shlex.split(summary["next"].partition("then: ")[2])
    assert {**options, "corrections": f"{out}/corrections.csv"}.items() <= options_of(command).items()
    assert "duplicates" not in options_of(command)
    split(Split.parse({**options_of(command), "out": str(tmp_path / "again.csv")}))
    made = read_split(tmp_path / "again.csv").options
    assert (made["group_by"], made["seed"], made["train"]) == (product, 7, 0.6)
    assert made["corrections"][str(picture)] == "drop"


def test_a_split_that_the_data_says_itself_is_not_to_be_extended(spoiled, tmp_path):
    for part in ("train", "val", "test"):
        shutil.copytree(spoiled, tmp_path / "given" / part)
    split(Split(data=str(tmp_path / "given"), out=str(tmp_path / "split.csv")))
    summary = dict(check(Check(data=str(tmp_path / "split.csv"), out=str(tmp_path / "check"))))
    assert "--extend" not in summary["next"]


def options_of(command):
    """Return the options of a command line, beauty and the job's name left out."""
    return {name[2:].replace("-", "_"): value for name, value in zip(command[2::2], command[3::2], strict=True)}


def test_the_data_is_named_with_or_without_its_option(spoiled, tmp_path):
    for number, arguments in enumerate(([str(spoiled)], ["--data", str(spoiled)])):
        command = [sys.executable, "-m", "beauty_mlflow", "check", *arguments, "--out", str(tmp_path / str(number))]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "findings: 5" in result.stdout.splitlines()
    both = [sys.executable, "-m", "beauty_mlflow", "check", str(spoiled), "--data", str(spoiled)]
    result = subprocess.run(both, capture_output=True, text=True, check=False)
    assert (result.returncode, "--data is given 2 times" in result.stderr) == (2, True)


def test_strict_refuses_serious_findings_but_writes_all_the_same(spoiled, tmp_path):
    out = tmp_path / "check"
    with pytest.raises(RefusedError, match="3 serious findings") as refused:
        check(Check(data=str(spoiled), out=str(out), strict=True))
    assert ("findings", 5) in refused.value.summary
    assert refused.value.exit_status == 3
    assert (out / "report.html").exists()


def test_strict_lets_copies_within_a_class_pass(pictures, tmp_path):
    data = shutil.copytree(pictures, tmp_path / "data")
    folder = min(data.iterdir())
    shutil.copy(min(folder.iterdir()), folder / "again.jpg")
    summary = dict(check(Check(data=str(data), out=str(tmp_path / "check"), strict=True)))
    assert summary["exact_copy"] == "2 - Copies: the same file more than once"


def test_bad_input_is_an_error_before_any_picture_is_read(spoiled, tmp_path, monkeypatch):
    monkeypatch.setattr("beauty_mlflow.data.checkup.checking.look_at", lambda *_: pytest.fail("read pictures"))
    (tmp_path / "check").mkdir()
    (tmp_path / "check" / "report.html").write_text("mine")
    with pytest.raises(DataError, match="is no check-up's"):
        check(Check(data=str(spoiled), out=str(tmp_path / "check")))
    with pytest.raises(ParameterError, match="near"):
        Check.parse({"data": str(spoiled), "near": "300"})


@pytest.mark.slow
def test_check_uses_the_run_that_mlflow_made(spoiled, tmp_path, project):
    out = tmp_path / "check"
    out.mkdir()
    (out / "mine.txt").write_text("not to be logged")
    summary = dict(check(Check(data=str(spoiled), out=str(out))))
    assert summary["run_id"] == project
    assert artifacts(project) == FILES
    assert Run.find(connect(), project).status == "FINISHED"


@pytest.mark.slow
def test_a_strict_check_that_found_something_ends_its_run_failed(spoiled, tmp_path, project):
    with pytest.raises(RefusedError):
        check(Check(data=str(spoiled), out=str(tmp_path / "check"), strict=True))
    run = Run.find(connect(), project)
    assert (run.status, artifacts(project)) == ("FAILED", FILES)
    assert "3 serious findings" in run.tags["error"]


@pytest.mark.slow
def test_split_logs_a_check_up_of_the_pictures_that_it_has_read(spoiled, tmp_path, project):
    split(Split(data=str(spoiled), out=str(tmp_path / "split.csv")))
    assert artifacts(project) == FILES
    found = connect().client.download_artifacts(project, "check/findings.csv", str(tmp_path))
    rows = read_table(Path(found))[1]
    assert sorted(row[3] for row in rows) == ["broken", *["exact_copy"] * 2, *["exact_other_class"] * 2]
    parts = read_split(tmp_path / "split.csv").table.set_index("path")["part"]
    assert all(row[2] == parts[row[0]] for row in rows if row[3] != "broken")


def test_split_alone_makes_no_check_up(spoiled, tmp_path, monkeypatch):
    monkeypatch.setattr("beauty_mlflow.data.checkup.writing.write_checkup", lambda *_: pytest.fail("checked"))
    split(Split(data=str(spoiled), out=str(tmp_path / "split.csv")))
