import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from beauty_mlflow.data.splits.grouping import read_groups
from beauty_mlflow.data.splits.manifest import read_split, write_split
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data
from beauty_mlflow.errors import DataError, ManifestError, ParameterError, TrackingError
from beauty_mlflow.jobs.evaluate import Evaluate
from beauty_mlflow.jobs.evaluate import run as evaluate
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.finetune import run as finetune
from beauty_mlflow.jobs.group import Group
from beauty_mlflow.jobs.group import run as group
from beauty_mlflow.progress import silent_progress
from beauty_mlflow.tracking.models import download
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

ROOT = Path(__file__).parents[2]
NOBODY = "0" * 32


def auto(folder, model, **given):
    """Return the parameters of groups=auto with three classes left."""
    return Group.parse({"groups": "auto", "model": model, "classes": "3", "out": str(folder / "grouped.csv"), **given})


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_the_grouped_split_keeps_every_picture_in_its_part(logged_model, shared_manifest, tmp_path, capsys):
    """By default it is the model's own split that is grouped; the file of groups, given, makes the same again."""
    summary = dict(group(auto(tmp_path, logged_model)))
    full, grouped = read_split(shared_manifest), read_split(tmp_path / "grouped.csv")
    assert summary["classes"] == "4 -> 3"
    assert len(grouped.classes) == 3
    parts = [split.table.set_index("path")["part"].sort_index() for split in (full, grouped)]
    assert parts[0].equals(parts[1])
    assert summary["groups"] == tmp_path / "grouped.groups.yaml"
    (merged,) = read_groups(str(summary["groups"])).values()
    assert set(full.classes) - set(grouped.classes) == set(merged)
    again = Group(data=str(shared_manifest), groups=str(summary["groups"]), out=str(tmp_path / "again.csv"))
    assert dict(group(again))["fingerprint"] == summary["fingerprint"] == grouped.fingerprint
    said = capsys.readouterr().err
    assert "no test picture was read" in said
    assert "Merging raises the accuracy by itself" in said


def test_the_accuracy_is_that_of_the_probabilities_served(logged_model, tmp_path):
    """With four classes the table of the five best holds them all; summed by hand it gives the same."""
    summary = dict(group(auto(tmp_path, logged_model)))
    run = Run.find(connect(), logged_model)
    table = pd.read_csv(download(run, "evaluation/val/predictions.csv", tmp_path / "artifacts"))
    group_of = {name: title for title, names in read_groups(str(summary["groups"])).items() for name in names}
    hits = 0
    for _, row in table.iterrows():
        sums = {}
        for place in range(1, 5):
            title = group_of.get(row[f"top{place}"], row[f"top{place}"])
            sums[title] = sums.get(title, 0) + row[f"top{place}_probability"]
        hits += max(sums, key=sums.get) == group_of.get(row["true"], row["true"])
    assert summary["accuracy before"].startswith(f"{(table['true'] == table['predicted']).mean():.4f} (95 %: ")
    assert summary["accuracy with groups"].startswith(f"{hits / len(table):.4f} (95 %: ")


@pytest.mark.slow
def test_only_validation_pictures_are_read(local_store, tiny, pictures, tmp_path):
    """Without the test's and the training's pictures the answer is the same, and the manifest lists them all."""
    copy = shutil.copytree(pictures, tmp_path / "copy")
    split = split_data(copy, SplitOptions(train=0.5, val=0.25, test=0.25), silent_progress).split
    write_split(split, tmp_path / "copy.csv")
    trained = dict(finetune(Finetune.parse({**tiny, "data": str(tmp_path / "copy.csv")})))["run_id"]
    before = dict(group(auto(tmp_path, trained)))
    written = files(tmp_path)
    for path in split.rows("test")["path"]:
        (copy / path).unlink()
    for path in split.rows("train")["path"]:
        (copy / path).write_bytes(b"no picture")
    assert dict(group(auto(tmp_path, trained))) == before
    assert files(tmp_path) == written
    (copy / split.rows("val")["path"].iloc[0]).unlink()
    with pytest.raises(ManifestError, match=f"1 of the .* pictures of run {trained}'s split/manifest.csv don't fit it"):
        group(auto(tmp_path, trained))
    assert files(tmp_path) == written


@pytest.mark.slow
def test_the_halves_keep_a_products_pictures_together(local_store, tiny, tmp_path):
    """As the manifest names products: with one in all the pictures there is no other half to judge by."""
    assert "accuracy by halves" in dict(group(auto(tmp_path, train_on(tiny, ""))))
    assert "accuracy by halves" not in dict(group(auto(tmp_path, train_on(tiny, "a box"))))


def train_on(tiny, product):
    split = read_split(Path(tiny["data"]))
    write_split(replace(split, table=split.table.assign(product=product)), Path(tiny["data"]))
    return dict(finetune(Finetune.parse({**tiny, "epochs": "1"})))["run_id"]


@pytest.mark.slow
def test_finetune_goes_on_with_the_groups(local_store, finetuned, tiny, tmp_path):
    """As in the thesis's chapter 5: the grouped split is trained and tested on the same pictures."""
    grouped = dict(group(auto(tmp_path, finetuned, classes="2")))
    assert grouped["next"] == f"mlflow run . -e finetune -P data={tmp_path / 'grouped.csv'}"
    trained = dict(finetune(Finetune.parse({**tiny, "data": str(tmp_path / "grouped.csv")})))["run_id"]
    measured = dict(evaluate(Evaluate(model=trained)))
    assert Run.find(connect(), trained).tags["dataset.fingerprint"] == grouped["fingerprint"]
    assert "test_accuracy" in measured
    table = pd.read_csv(
        download(Run.find(connect(), measured["run_id"]), "evaluation/test", tmp_path) / "predictions.csv"
    )
    split = read_split(tmp_path / "grouped.csv")
    assert set(table["true"]) == set(split.classes)
    assert set(table["path"]) == set(read_split(Path(tiny["data"])).rows("test")["path"])


@pytest.mark.slow
def test_under_mlflow_run_all_is_logged(local_store, finetuned, tmp_path):
    """The groups with their reasons, the figure, the manifest, what the groups are worth; a failure is FAILED."""
    finished = mlflow_run("groups=auto", f"model={finetuned}", "classes=3", f"out={tmp_path / 'grouped.csv'}")
    assert finished.returncode == 0, finished.stderr
    failed = mlflow_run("groups=auto", f"model={finetuned}", f"out={tmp_path / 'other.csv'}")
    assert "42 classes can't be made of the model's 4: expected 2 to 3" in failed.stderr
    store = connect()
    second, first = store.client.search_runs(["0"], order_by=["attributes.start_time DESC"])
    assert (first.info.status, second.info.status) == ("FINISHED", "FAILED")
    assert not (tmp_path / "other.csv").exists()
    run = Run(store, first.info.run_id)
    assert {path.name for path in download(run, "groups", tmp_path / "a").iterdir()} == {"groups.yaml", "grouping.png"}
    logged = (tmp_path / "a" / "groups" / "groups.yaml").read_bytes()
    assert logged == (tmp_path / "grouped.groups.yaml").read_bytes()
    assert read_split(download(run, "split", tmp_path / "b") / "manifest.csv", check_pictures=False).options["groups"]
    metrics = run.metrics()
    assert metrics["grouping.classes"] == 3
    assert (
        0 <= metrics["grouping.accuracy_low"] <= metrics["grouping.accuracy"] <= metrics["grouping.accuracy_high"] <= 1
    )
    assert metrics["grouping.accuracy_before"] == pytest.approx(Run(store, finetuned).metrics()["best_val_accuracy"])
    assert "groups=auto" in run.tags["mlflow.note.content"]
    (used,) = store.client.get_run(run.run_id).inputs.model_inputs
    assert used.model_id == Run(store, finetuned).model_id()


@pytest.mark.slow
def test_a_share_of_the_training_pictures_is_said(local_store, tiny, tmp_path, capsys):
    """The grouped split has no more of them, unless the whole one is given."""
    model = dict(finetune(Finetune.parse({**tiny, "fraction": "0.5"})))["run_id"]
    note = "trained with fraction=0.5, so the grouped split has that share"
    capsys.readouterr()
    few = dict(group(auto(tmp_path, model)))
    assert note in capsys.readouterr().err
    whole = dict(group(auto(tmp_path, model, data=tiny["data"])))
    assert note not in capsys.readouterr().err
    assert [one["pictures"].partition(" train")[0] for one in (few, whole)] == ["12", "24"]


def test_what_must_stay_apart_does(logged_model, shared_manifest, tmp_path):
    """With constraints that leave one pair, that pair is merged; with two classes left that can't be, it is said."""
    first, *others = read_split(shared_manifest).classes
    (tmp_path / "apart.yaml").write_text(
        f"keep_apart: [[{first}, {others[0]}, {others[1]}], [{others[0]}, {others[2]}], [{others[1]}, {others[2]}]]"
    )
    group(auto(tmp_path, logged_model, constraints=str(tmp_path / "apart.yaml")))
    (merged,) = read_groups(str(tmp_path / "grouped.groups.yaml")).values()
    assert merged == [first, others[2]]
    with pytest.raises(DataError, match="2 classes can't be made of the model's 4: expected 3 to 3; the constraints"):
        group(auto(tmp_path, logged_model, constraints=str(tmp_path / "apart.yaml"), classes="2"))


@pytest.mark.slow
def test_usage_errors_need_no_tensorflow(logged_model, tmp_path):
    """What can be known without asking the model is said at once, and nothing is written."""
    code = """
        import sys
        from beauty_mlflow.errors import DataError
        from beauty_mlflow.jobs.group import Group, run
        try:
            run(Group(groups="auto", model=sys.argv[1], out=sys.argv[2]))
        except DataError as error:
            print(error, "tensorflow" in sys.modules)
    """
    command = [sys.executable, "-c", "\n".join(line[8:] for line in code.splitlines()), logged_model]
    done = subprocess.run([*command, str(tmp_path / "g.csv")], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("42 classes can't be made of the model's 4")
    assert done.stdout.endswith("False\n")
    assert not files(tmp_path)


def test_a_split_of_other_classes_or_tested_on_the_choosers(logged_model, shared_manifest, tmp_path):
    """A split given must have the model's classes, and none of the choosing pictures in its test part."""
    own = read_split(shared_manifest)
    other = split_data(own.folder, SplitOptions(train=0.3, val=0.2, test=0.5, seed=3), silent_progress).split
    write_split(other, tmp_path / "other.csv")
    with pytest.raises(
        DataError, match=r"\d+ of the \d+ test pictures of the split are in the model's validation part"
    ):
        group(auto(tmp_path, logged_model, data=str(tmp_path / "other.csv")))
    group(Group(data=str(shared_manifest), groups=_pair(own, tmp_path), out=str(tmp_path / "pair.csv")))
    with pytest.raises(DataError, match="the split's classes aren't the model's: 3 differ"):
        group(auto(tmp_path, logged_model, data=str(tmp_path / "pair.csv")))
    assert not (tmp_path / "grouped.csv").exists()


def test_the_models_own_pictures_may_have_moved(logged_model, shared_manifest, tmp_path):
    """The same manifest for another folder is its own split, found where it is now."""
    own = read_split(shared_manifest)
    moved = read_split(shared_manifest, folder=shutil.copytree(own.folder, tmp_path / "moved"))
    write_split(moved, tmp_path / "moved.csv")
    summary = dict(group(auto(tmp_path, logged_model, data=str(tmp_path / "moved.csv"))))
    assert read_split(tmp_path / "grouped.csv").folder == tmp_path / "moved"
    assert summary["fingerprint"] == dict(group(auto(tmp_path, logged_model)))["fingerprint"]


@pytest.mark.parametrize("name", ["grouped.csv", "grouped.groups.yaml"])
def test_nothing_of_the_users_own_is_replaced(logged_model, tmp_path, name):
    (tmp_path / name).write_text("mine: [a, b]\n")
    with pytest.raises(DataError, match=f"{name}' exists and is no"):
        group(auto(tmp_path, logged_model))
    assert files(tmp_path) == {name: b"mine: [a, b]\n"}


@pytest.mark.parametrize("name", ["file/groups.yaml", "x" * 260 + ".yaml"])
def test_what_cannot_be_written_is_said_before_the_model_is_asked(logged_model, tmp_path, name, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr("beauty_mlflow.jobs.grouping.fetch_model", lambda *_: pytest.fail("asked the model"))
    with pytest.raises(DataError, match=r"groups.yaml' can't be written|x.yaml' can't be written"):
        group(auto(tmp_path, logged_model, groups_out=str(tmp_path / name)))
    assert files(tmp_path) == {"file": b""}


def test_groups_out_names_the_file(logged_model, tmp_path):
    out = tmp_path / "new folder" / "found.yaml"
    assert dict(group(auto(tmp_path, logged_model, groups_out=str(out))))["groups"] == out
    assert read_groups(str(out))
    assert not (tmp_path / "grouped.groups.yaml").exists()


def test_a_model_that_is_not_there(local_store, tmp_path):
    with pytest.raises(TrackingError, match=NOBODY):
        group(auto(tmp_path, NOBODY))
    assert not files(tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"groups": "auto"}, "model is missing: whose confusions count"),
        ({"groups": "auto", "model": "best"}, "'best' names no model"),
        ({"groups": "thesis"}, "data is missing: The split's manifest"),
        ({"groups": "thesis", "data": ".", "model": NOBODY}, "model: only groups=auto takes that; groups is 'thesis'"),
        ({"groups": "thesis", "data": ".", "classes": "0", "groups_out": "a.yaml"}, "classes, groups_out: only"),
        ({"groups": "auto", "model": NOBODY, "classes": "-1"}, "classes: input should be greater than or equal to 0"),
        ({"groups": "auto", "model": NOBODY, "constraints": "/nowhere"}, "'/nowhere' doesn't exist; expected a YAML"),
        ({"groups": "auto", "model": NOBODY, "groups_out": "a.csv"}, r"expected a file name that ends in .yaml"),
        ({"groups": "automatic"}, "'automatic' doesn't exist; expected a YAML file .* or the word thesis or auto"),
    ],
)
def test_parameters_that_contradict_each_other(given, message):
    with pytest.raises(ParameterError, match=message):
        Group.parse({"out": "g.csv", **given})


def test_the_word_stays_a_word_where_a_folder_is_called_so(tmp_path, monkeypatch):
    (tmp_path / "auto").mkdir()
    monkeypatch.chdir(tmp_path)
    assert "-P groups=auto" in Group(groups="auto", model=NOBODY, out="g.csv").command()


def _pair(split, folder):
    path = folder / "pair.yaml"
    path.write_text(f"pair: [{split.classes[0]}, {split.classes[1]}]")
    return str(path)


def mlflow_run(*parameters):
    given = [word for parameter in parameters for word in ("-P", parameter)]
    command = [str(Path(sys.executable).with_name("mlflow")), "run", str(ROOT), "-e", "group", "--env-manager", "local"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    return subprocess.run([*command, *given], capture_output=True, text=True, check=False, env=environment)
