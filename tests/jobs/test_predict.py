import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from arguments import options
from forks import started
from waiting import until

from beauty_mlflow.data.safe_tables import read_table
from beauty_mlflow.data.splits.manifest import read_split
from beauty_mlflow.errors import DataError, ParameterError, TrackingError
from beauty_mlflow.evaluation.evaluators.predictions import read_predictions
from beauty_mlflow.jobs.evaluate import Evaluate
from beauty_mlflow.jobs.evaluate import run as evaluate
from beauty_mlflow.jobs.predict import Predict, run
from beauty_mlflow.jobs.prediction_parts import ROWS, open_parts
from beauty_mlflow.tracking.models import download
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

ROOT = Path(__file__).parents[2]
# Without a leak it is 0.1 %; a list of the answers would be 2 %
GROWTH = 1.01


def predict(model, data, out, **given):
    return dict(run(Predict.parse({"model": model, "data": str(data), "out": str(out), **given})))


def fill(folder, pictures, count):
    """Make a folder of so many pictures: links to a few."""
    folder.mkdir()
    originals = sorted(pictures.rglob("*.jpg"))
    for number in range(count):
        os.link(originals[number % len(originals)], folder / f"{number:06d}.jpg")
    return folder


@pytest.mark.slow
def test_the_same_probabilities_on_every_way(logged_model, shared_manifest, tmp_path):
    """predict, mlflow.pyfunc and evaluate's predictions.csv say the same of the same pictures."""
    import mlflow.pyfunc

    assert predict(logged_model, shared_manifest, tmp_path / "p.parquet", part="test")["errors"] == 0
    predict(logged_model, shared_manifest, tmp_path / "p.csv", part="test", batch_size=5)
    parquet, csv = pd.read_parquet(tmp_path / "p.parquet"), pd.read_csv(tmp_path / "p.csv")
    run_id = dict(evaluate(Evaluate(model=logged_model)))["run_id"]
    file = download(Run.find(connect(), run_id), "evaluation/test/predictions.csv", tmp_path / "evaluation")
    evaluated = read_predictions(file).sort_values("path", ignore_index=True)
    split = read_split(shared_manifest)
    answered = mlflow.pyfunc.load_model(f"runs:/{logged_model}/model").predict(
        pd.DataFrame({"image": [(split.folder / path).read_bytes() for path in parquet["path"]]})
    )
    assert parquet["path"].tolist() == csv["path"].tolist() == evaluated["path"].tolist()
    assert parquet["path"].tolist() == sorted(split.part("test").paths)
    for labels in (csv["label"], evaluated["predicted"], answered["label"]):
        assert labels.tolist() == parquet["label"].tolist()
    for probabilities in (csv["probability"], evaluated["probability"], answered["probability"]):
        np.testing.assert_allclose(probabilities.astype(float), parquet["probability"], atol=2e-7)
    for ours, theirs in zip(parquet["top"], answered["top"], strict=True):
        assert [guess["label"] for guess in ours] == [guess["label"] for guess in theirs]
        ours_numbers, theirs_numbers = ([guess["probability"] for guess in top] for top in (ours, theirs))
        np.testing.assert_allclose(ours_numbers, theirs_numbers, atol=2e-7)
    assert (
        set(parquet["model_version"])
        == {answered["model_version"][0]}
        == {Run.find(connect(), logged_model).model_id()}
    )


@pytest.mark.slow
def test_broken_pictures_are_listed_and_stop_nothing(logged_model, pictures, tmp_path, capsys):
    """Each has its reason in its own row; what the system put there is counted."""
    folder = fill(tmp_path / "data", pictures, 3)
    good = (folder / "000000.jpg").read_bytes()
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "=1, 2.jpg").write_bytes(good)
    (folder / "cut.jpg").write_bytes(good[: len(good) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "notes.txt").write_text("no picture")
    (folder / ".DS_Store").write_text("")
    os.mkfifo(folder / "pipe.jpg")
    summary = predict(logged_model, folder, tmp_path / "p.csv", top=2)
    assert (summary["pictures"], summary["errors"], summary["abstained"]) == (8, 4, 0)
    header, rows = read_table(tmp_path / "p.csv")
    assert header[3:-3] == ["top1", "top1_probability", "top2", "top2_probability"]
    errors = {row[0]: row[-2] for row in rows}
    assert [path for path, error in errors.items() if not error] == [
        "000000.jpg",
        "000001.jpg",
        "000002.jpg",
        "deep/er/=1, 2.jpg",
    ]
    assert errors["cut.jpg"].startswith("it can't be decoded: ")
    assert errors["empty.jpg"] == "the file is empty"
    assert errors["notes.txt"].startswith("it is no picture of a known format")
    assert list(errors.items())[-1] == ("pipe.jpg", "not a regular file")
    assert "1 hidden or system files and folders were ignored: 1 .DS_Store" in capsys.readouterr().err


@pytest.mark.slow
def test_a_table_lists_several_files(logged_model, pictures, tmp_path):
    """Wherever they are; one that is missing has an error of its own."""
    first, second = sorted(pictures.rglob("*.jpg"))[:2]
    shutil.copy(second, tmp_path / "a, b.jpg")
    (tmp_path / "list.csv").write_text(f'path\n"{first}"\n"a, b.jpg"\nnone.jpg\n')
    predict(logged_model, tmp_path / "list.csv", tmp_path / "many.parquet")
    many = pd.read_parquet(tmp_path / "many.parquet")
    assert many["path"].tolist() == [str(first), "a, b.jpg", "none.jpg"]
    assert many["error"].fillna("").tolist() == ["", "", "no such file or directory"]
    predict(logged_model, first, tmp_path / "one.parquet")
    one = pd.read_parquet(tmp_path / "one.parquet")
    assert one["path"].tolist() == [str(first)]
    assert one["probability"][0] == pytest.approx(many["probability"][0], abs=2e-7)


@pytest.mark.slow
def test_a_current_folder_whose_name_is_not_utf_8(logged_model, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(fill(tmp_path / os.fsdecode(b"data\xff"), pictures, 2))
    assert predict(logged_model, ".", "p.parquet")["errors"] == 0
    assert pd.read_parquet("p.parquet")["path"].tolist() == ["000000.jpg", "000001.jpg"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"out": "p.txt"}, "'p.txt' is no name for predictions; expected a file name that ends in .parquet or .csv"),
        ({"data": "nowhere"}, "'nowhere' doesn't exist; expected a folder of pictures, a picture, a table"),
        ({"data": ""}, "data"),
        ({"model": "champion"}, "'champion' names no model; expected a run id"),
        ({"top": 0}, "top"),
        ({"part": "tset"}, "part"),
    ],
)
def test_parameters_that_cannot_be(tmp_path, given, message):
    with pytest.raises(ParameterError) as error:
        Predict.parse({"data": str(tmp_path), **given})
    assert message in str(error.value)


def test_bad_input_leaves_nothing(local_store, pictures, tmp_path):
    """It is said before anything starts, and nothing is written."""
    (tmp_path / "there.csv").write_text("mine")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"there\.csv' exists and isn't replaced"):
        predict("models:/nobody@champion", pictures, tmp_path / "there.csv")
    with pytest.raises(TrackingError, match="nobody"):
        predict("models:/nobody@champion", pictures, tmp_path / "p.csv")
    assert (tmp_path / "there.csv").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"there.csv", "empty", "store"}


@pytest.mark.slow
def test_data_without_pictures(logged_model, pictures, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no picture"):
        predict(logged_model, tmp_path / "empty", tmp_path / "p.csv")
    with pytest.raises(ParameterError, match="only a manifest's pictures have parts"):
        predict(logged_model, pictures, tmp_path / "p.csv", part="test")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


class Place:
    """Many pictures, and a command that predicts them as a process of its own."""

    def __init__(self, folder, pictures, model, server):
        self.data = fill(folder / "many", pictures, 4 * ROWS + 100)
        self.out, self.model = folder / "p.parquet", model
        self.parts = folder / ".p.parquet.partial"
        self.server, self.logs = server, folder / "logs"
        self.logs.mkdir()

    def begin(self):
        words = ["predict", *options({"model": self.model, "data": self.data, "out": self.out})]
        return started(self.server, words, self.logs, folder=ROOT, environment=os.environ)

    def interrupted(self, number):
        """Interrupt it when the second part is there; return its status and what it said."""
        with self.begin() as (process, ended):
            until((self.parts / f"{ROWS:012d}.parquet").exists, seconds=300, pause=0.01)
            process.kill(number)
            done = ended()
        return done.returncode, done.stderr

    def finished(self):
        with self.begin() as (_, ended):
            done = ended().require()
        return dict(line.split(": ", 1) for line in done.stdout.splitlines()), done.stderr


@pytest.fixture
def place(tmp_path, pictures, logged_model, fork_server):
    return Place(tmp_path, pictures, logged_model, fork_server)


@pytest.mark.slow
def test_after_kill_9_the_same_command_goes_on(place):
    """What was predicted isn't predicted again, and the table is what it would have been."""
    status, _ = place.interrupted(signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert not place.out.exists()
    done = sum(len(pd.read_parquet(path)) for path in sorted(place.parts.glob("[0-9]*.parquet")))
    for picture in sorted(place.data.iterdir())[:done]:  # whoever looks at these again finds nothing
        picture.unlink()
        picture.touch()
    summary, errors = place.finished()
    assert f"going on after {done} of {4 * ROWS + 100} pictures" in errors
    assert (summary["pictures"], summary["errors"]) == (str(4 * ROWS + 100), "0")
    table = pd.read_parquet(place.out)
    assert table["path"].tolist() == [f"{number:06d}.jpg" for number in range(4 * ROWS + 100)]
    # the pictures are links to 48 different ones, so each of these has had its answer 48 rows before
    later, earlier = table["probability"][48:].to_numpy(), table["probability"][:-48].to_numpy()
    np.testing.assert_allclose(later, earlier, atol=2e-7)
    assert not place.parts.exists()


@pytest.mark.slow
def test_an_interrupted_command_says_what_is_done_and_refuses_another(place, logged_model, tmp_path):
    """SIGTERM: the status is 143; other pictures, another top or part are no continuation, and nothing is lost."""
    status, errors = place.interrupted(signal.SIGTERM)
    assert status == 128 + signal.SIGTERM
    assert "pictures are predicted; the same command goes on with the others" in errors
    assert "Traceback" not in errors
    with pytest.raises(DataError, match=r"top was 5 and is 2.*remove the folder"):
        predict(logged_model, place.data, place.out, top=2)
    kept = place.data / "000000.jpg"
    kept.rename(place.data / "other.jpg")
    with pytest.raises(DataError, match=r"the list of pictures was 4196 \(sha256 \w+\) and is 4196 \(sha256"):
        predict(logged_model, place.data, place.out)
    (place.data / "other.jpg").rename(kept)
    assert predict(logged_model, place.data, place.out, batch_size=64)["pictures"] == 4 * ROWS + 100


@pytest.mark.slow
def test_another_model_is_no_continuation(place, logged_model):
    """An alias that has moved meanwhile is noticed: rows of two models don't mix."""
    place.interrupted(signal.SIGINT)
    plan = json.loads((place.parts / "plan.json").read_text())
    (place.parts / "plan.json").write_text(json.dumps({**plan, "model": "beauty/1 (sha256 0123)"}))
    with pytest.raises(DataError, match=r"model was beauty/1 \(sha256 0123\) and is m-"):
        predict(logged_model, place.data, place.out)


@pytest.mark.slow
def test_two_commands_do_not_write_one_table(logged_model, pictures, tmp_path):
    with open_parts(tmp_path / "p.csv", {}), pytest.raises(DataError, match="another process is predicting into"):
        predict(logged_model, pictures, tmp_path / "p.csv")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_pictures(logged_model, pictures, tmp_path):
    """Of 20,000 pictures only the paths are held."""
    data, parts = fill(tmp_path / "many", pictures, 20 * ROWS), tmp_path / ".p.csv.partial"
    command = [sys.executable, "-m", "beauty_mlflow", "predict", "--model", logged_model]
    resident = {}
    with subprocess.Popen([*command, "--data", data, "--out", tmp_path / "p.csv"], cwd=ROOT) as worker:
        process = psutil.Process(worker.pid)
        while worker.poll() is None:
            done = len(list(parts.glob("[0-9]*.parquet")))
            try:
                now = process.memory_info().rss
            except psutil.NoSuchProcess:
                break
            resident[done] = min(resident.get(done, now), now)  # it is more for moments, whatever goes on
            time.sleep(0.02)
    assert worker.returncode == 0
    early, late = ([resident[part] for part in parts if part in resident] for parts in (range(3, 7), range(17, 20)))
    assert max(late) < GROWTH * max(early)


@pytest.mark.slow
def test_mlflows_run_gets_the_parameters(logged_model, pictures, tmp_path, monkeypatch):
    """Under `mlflow run` its run is ours: parameters, status, and the id in the summary."""
    store = connect()
    made = store.client.create_run(store.experiment_id).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", made)
    summary = predict(logged_model, pictures, tmp_path / "p.csv")
    found = store.client.get_run(made)
    assert (found.info.status, summary["run_id"]) == ("FINISHED", made)
    assert found.data.params["batch_size"] == "128"
    assert found.data.params["data"] == str(pictures)
