import csv
import shutil
from collections import Counter
from pathlib import Path

import pytest

import beauty_mlflow
from beauty_mlflow.data.splits.manifest import read_split
from beauty_mlflow.errors import DataError, ParameterError, TrackingError
from beauty_mlflow.evaluation.evaluators.predictions import read_predictions
from beauty_mlflow.jobs import comparing
from beauty_mlflow.jobs.compare import Compare
from beauty_mlflow.jobs.compare import run as compare
from beauty_mlflow.jobs.evaluate import Evaluate
from beauty_mlflow.jobs.evaluate import run as evaluate
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.finetune import run as finetune
from beauty_mlflow.jobs.group import Group
from beauty_mlflow.jobs.group import run as group
from beauty_mlflow.jobs.reference import Reference
from beauty_mlflow.jobs.reference import run as reference
from beauty_mlflow.tracking.finding import REFERENCE
from beauty_mlflow.tracking.models import download
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

FULL, GROUPED = "beauty-2018 full, 73 classes", "beauty-2018 grouped, 42 groups"


def rows_of(folder, name="runs.csv"):
    with (folder / name).open(newline="") as stream:
        return list(csv.DictReader(stream))


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def imported(lasting_store):
    """A store that holds the thesis's runs alone."""
    with lasting_store("imported") as uri:
        reference(Reference())
        return uri


@pytest.fixture
def thesis(imported, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", imported)


def test_the_thesis_figures_from_its_data(thesis, tmp_path, capsys):
    """Its figures 4.2, 5.4 and 6.1, with the values that it gives; what it has no data for is said."""
    summary = compare(Compare(experiment=REFERENCE, out=str(tmp_path / "out")))
    assert files(tmp_path / "out") == [
        "comparison.html",
        "depth_beauty-2018-full-73-classes.png",
        "depth_beauty-2018-grouped-42-groups.png",
        "full_against_grouped.png",
        "points.csv",
        "runs.csv",
    ]
    best = {
        (row["data"], row["network"], row["blocks"]): float(row["best_val_accuracy"])
        for row in rows_of(tmp_path / "out")
    }
    assert len(best) == 23
    assert round(best[FULL, "inception_v3", "0"], 4) == 0.2564
    assert round(best[FULL, "inception_v3", "6"], 4) == 0.3873
    assert round(best[GROUPED, "inception_v3", "0"], 4) == 0.3424
    assert round(best[GROUPED, "inception_v3", "7"], 4) == 0.5045
    assert [words for name, words in summary if name == "best depth"] == [
        f"{FULL}, inception_v3, recipe thesis: blocks=6, 0.3873",
        f"{GROUPED}, inception_v3, recipe thesis: blocks=7, 0.5045",
    ]
    printed, said = capsys.readouterr()
    page = (Path(__file__).parents[2] / "docs" / "comparing.md").read_text()
    assert printed.rstrip() in page
    assert "Depths without the control, nobody has the model or its predictions: 10." in said
    assert "No learning curve" in said
    assert "a whole network or an inner range, which have no depth: 3." in said


@pytest.fixture(scope="module")
def published():
    """The kept epoch of each of the thesis's trainings, that of the least val_loss, as the packaged table has it."""
    folder = Path(beauty_mlflow.__file__).parent / "data" / "thesis"
    epochs = {}
    for row in rows_of(folder, "histories.csv"):
        epochs.setdefault((row["dataset"], row["backbone"], row["blocks"]), []).append(row)
    return {key: min(rows, key=lambda row: float(row["val_loss"])) for key, rows in epochs.items()}


def test_every_point_is_the_thesis_own(thesis, published, tmp_path):
    """Accuracy and loss, training and validation, in all three figures; validation accuracies were measured anew."""
    compare(Compare(experiment=REFERENCE, out=str(tmp_path / "out")))
    columns = {("training", "accuracy"): "accuracy", ("training", "loss"): "loss"}
    columns |= {("validation", "accuracy"): "val_accuracy", ("validation", "loss"): "val_loss"}
    drawn = rows_of(tmp_path / "out", "points.csv")
    for point in drawn:
        epoch = published["grouped" if _of_groups(point) else "full", "InceptionV3", point["below"]]
        pictures = point["line"].rpartition(", ")[2]
        printed = float(epoch[columns[pictures, point["panel"]]])
        once_more = 0.001 if columns[pictures, point["panel"]] == "val_accuracy" else 0
        assert float(point["value"]) == pytest.approx(printed, rel=1e-9, abs=once_more), point
    figures = Counter(point["figure"] for point in drawn)
    assert sorted(figures.values()) == [40, 40, 80]  # ten depths, two panels, two kinds of pictures; of both data


def _of_groups(point):
    """In the figure of both data a line says which it is."""
    return "42-groups" in point["figure"] or GROUPED in point["line"]


def test_the_thesis_has_no_speed_of_training_alone(thesis, tmp_path):
    """Its durations hold the validation, which our own speeds don't: the two would stand in one column."""
    compare(Compare(experiment=REFERENCE, out=str(tmp_path / "out")))
    assert {row["pictures_per_second"] for row in rows_of(tmp_path / "out")} == {""}


def test_the_comparison_is_a_run_of_its_own(thesis):
    """Not among the imported ones; it holds the figures, and a comparison isn't compared in its turn."""
    summary = dict(compare(Compare(experiment=REFERENCE)))
    run = Run.find(connect(), summary["run_id"])
    assert run.experiment_id == connect().experiment_id
    assert (run.status, run.tags["compares"]) == ("FINISHED", "23")
    assert "No learning curve" in run.tags["mlflow.note.content"]
    logged = {entry.path for entry in connect().client.list_artifacts(run.run_id, "comparison")}
    assert {"comparison/comparison.html", "comparison/runs.csv", "comparison/full_against_grouped.png"} <= logged
    with pytest.raises(TrackingError, match=r"no finished training to compare: [0-9]+ comparisons"):
        compare(Compare(runs=summary["run_id"]))


def test_much_is_cut_and_said(thesis, tmp_path, capsys, monkeypatch):
    """The terminal and the page show the best, some figures aren't drawn; runs.csv has all."""
    for name, most in (("PRINTED", 5), ("SHOWN", 10), ("FIGURES", 1)):
        monkeypatch.setattr(comparing, name, most)
    summary = compare(Compare(experiment=REFERENCE, out=str(tmp_path / "out")))
    printed, said = capsys.readouterr()
    assert len(printed.splitlines()) == 1 + 5
    assert "these are the best 5 of 23; all are in comparison/runs.csv" in said
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert page.count("<tr>") == 1 + 10
    for sentence in ("Figures not drawn, as there are 1 of a kind at most: 1.", "shows the best 10: 13 trainings."):
        assert sentence in said
        assert sentence in page
    assert len([name for name in files(tmp_path / "out") if name.startswith("depth_")]) == 1
    assert len(rows_of(tmp_path / "out")) == 23
    assert [words for name, words in summary if name == "best depth"][1:] == ["1 more series: see runs.csv"]


def test_only_the_latest_runs_are_read(thesis, capsys):
    """Which is said."""
    assert dict(compare(Compare(experiment=REFERENCE, latest=3)))["trainings"] == 3
    sentence = "Not read: runs older than the latest 3 trainings (latest=0 reads all)."
    assert sentence in capsys.readouterr().err
    assert dict(compare(Compare(experiment=REFERENCE, latest=0)))["trainings"] == 23
    assert "Not read" not in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{0},{1}", "{0} {1}", " {0},\n{1}, {0}"])
def test_runs_by_their_ids(thesis, text):
    store = connect(experiment=REFERENCE)
    ids = [run.info.run_id for run in store.client.search_runs([store.experiment_id])][:2]
    assert dict(compare(Compare(runs=text.format(*ids))))["trainings"] == 2


@pytest.mark.parametrize("runs", ["0123", "a" * 31, "beauty", "0" * 32 + ",x"])
def test_no_run_id(runs):
    with pytest.raises(ParameterError, match="is no run id; expected"):
        Compare.parse({"runs": runs})


def test_bad_input_leaves_nothing_behind(thesis, tmp_path):
    """An experiment that isn't there, one without a training, a run that isn't there, a folder that is."""

    def count():
        return len(connect().client.search_runs([connect().experiment_id]))

    before = count()
    with pytest.raises(TrackingError, match="There is no experiment 'none'; there are: "):
        compare(Compare(experiment=f"{REFERENCE}, none"))
    with pytest.raises(TrackingError, match="no finished training to compare: no run at all"):
        compare(Compare(experiment="Default"))
    with pytest.raises(TrackingError, match="Can't find the run"):
        compare(Compare(runs="0" * 32))
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match="exists and isn't replaced"):
        compare(Compare(experiment=REFERENCE, out=str(tmp_path / "out")))
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="can't be written"):
        compare(Compare(experiment=REFERENCE, out=str(tmp_path / "file" / "out")))
    assert count() == before
    assert files(tmp_path) == ["file", "out"]
    assert files(tmp_path / "out") == []


def test_a_folder_that_appears_meanwhile_is_said(thesis, tmp_path, monkeypatch):
    """The comparison's own run has failed then, and what was there stays."""
    out = tmp_path / "out"

    def appear(run, folder, below=""):
        out.mkdir(exist_ok=True)
        (out / "mine").touch()

    monkeypatch.setattr(Run, "log_folder", appear)
    with pytest.raises(DataError, match=r"out' can't be written"):
        compare(Compare(experiment=REFERENCE, out=str(out)))
    newest = connect().client.search_runs([connect().experiment_id])[0]
    assert (newest.info.status, newest.data.tags["compares"]) == ("FAILED", "23")
    assert files(tmp_path) == ["out"]
    assert files(out) == ["mine"]


def test_several_experiments(thesis, tmp_path):
    """Names stand with commas between; a name that has a comma itself is found as well."""
    client = connect().client
    client.create_experiment("one, two")
    store = connect(experiment="one, two")
    run = Run.create(store, "mine")
    run.log_parameters({"network": "inception_v3", "blocks": "1"})
    run.log_metrics({"best_val_accuracy": 0.25})
    run.finish("FINISHED")
    assert dict(compare(Compare(experiment="one, two")))["trainings"] == 1
    client.rename_experiment(store.experiment_id, "one")
    both = dict(compare(Compare(experiment=f"one,{REFERENCE}", out=str(tmp_path / "out"))))
    assert both["trainings"] == 24
    assert {row["experiment"] for row in rows_of(tmp_path / "out")} == {"one", REFERENCE}


def train(tiny, **changes):
    return dict(finetune(Finetune.parse({**tiny, **{name: str(value) for name, value in changes.items()}})))["run_id"]


def control_of(run_id, groups, folder):
    """Compute the summed probabilities' accuracy from what the training wrote about its validation pictures."""
    run = Run.find(connect(), run_id)
    temperature = run.metrics()["calibration.temperature"]
    table = read_predictions(download(run, "evaluation/val/predictions.csv", folder / run_id))
    right = 0
    for row in table.to_dict("records"):
        sums = Counter()
        for place in range(1, 5):  # all four classes; what is served is the network's own at a temperature
            name = row[f"top{place}"]
            sums[groups.get(name, name)] += row[f"top{place}_probability"] ** temperature
        right += max(sums, key=sums.get) == groups.get(row["true"], row["true"])
    return right / len(table)


@pytest.mark.slow
def test_own_trainings(local_store, tiny, manifest, tmp_path, capsys):
    """Two depths on all classes and on groups, a share of the pictures, an evaluation: all figures, and the control."""
    first, second = read_split(manifest).classes[:2]
    (tmp_path / "groups.yaml").write_text(f"both:\n  - {first}\n  - {second}\n")
    grouped = tmp_path / "grouped.csv"
    group(Group(data=str(manifest), groups=str(tmp_path / "groups.yaml"), out=str(grouped)))
    full = {blocks: train(tiny, blocks=blocks, learning_rate=0.01) for blocks in (0, 1)}
    for blocks in (0, 1):
        train(tiny, blocks=blocks, data=grouped)
    train(tiny, fraction=0.5)
    evaluate(Evaluate(model=full[1]))
    out = tmp_path / "out"
    summary = dict(compare(Compare(out=str(out))))
    assert (summary["trainings"], summary["left out"]) == (5, 1)
    assert "Left out, evaluations (their figures stand beside their trainings'): 1." in capsys.readouterr().err
    names = [name for name in files(out) if name.endswith(".png")]
    assert [name.partition("_")[0] for name in names] == ["depth", "depth", "full", "learning"]
    tested = {row["run"]: row for row in rows_of(out) if row["test_accuracy"]}
    assert list(tested) == [full[1]]
    assert tested[full[1]]["test_accuracy_low"] < tested[full[1]]["test_accuracy"]
    drawn = rows_of(out, "points.csv")
    control = {
        int(row["below"]): float(row["value"])
        for row in drawn
        if "summed into groups" in row["line"] and row["panel"] == "accuracy"
    }
    groups = dict.fromkeys((first, second), "both")
    assert control == {blocks: pytest.approx(control_of(run, groups, tmp_path)) for blocks, run in full.items()}
    assert all(float(row["pictures_per_second"]) > 0 for row in rows_of(out))
    learning = [row for row in drawn if row["figure"].startswith("learning") and row["line"].endswith("validation")]
    assert sorted({int(row["below"]) for row in learning}) == [12, 24]

    without = dict(compare(Compare(control=False)))
    assert without["trainings"] == 5
    assert "Depths without the control, control=false: 2." in capsys.readouterr().err


@pytest.mark.slow
def test_a_sweep_means_its_trials(shared_sweep, tmp_path, monkeypatch):
    """Pruned, failed and confirming ones are left out and counted; the figure is against the searched depth."""
    shutil.copy(shared_sweep.folder / "mlflow.db", tmp_path)  # the comparison's own run is no part of the shared sweep
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    parent = shared_sweep.done.stdout.rpartition("run_id: ")[2].strip()
    summary = dict(compare(Compare(runs=parent, out=str(tmp_path / "out"))))
    assert summary["trainings"] == 4
    assert summary["left out"] >= 2
    assert {row["blocks"] for row in rows_of(tmp_path / "out")} == {"0", "1"}
    assert any(name.startswith("depth_") for name in files(tmp_path / "out"))
