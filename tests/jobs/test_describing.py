"""What the runs' descriptions say."""

import re
import shutil
from contextlib import suppress

import pytest

from beauty_mlflow.errors import RefusedError
from beauty_mlflow.jobs.check import Check
from beauty_mlflow.jobs.check import run as check
from beauty_mlflow.jobs.compare import Compare
from beauty_mlflow.jobs.compare import run as compare
from beauty_mlflow.jobs.evaluate import Evaluate
from beauty_mlflow.jobs.evaluate import run as evaluate
from beauty_mlflow.jobs.group import Group
from beauty_mlflow.jobs.group import run as group
from beauty_mlflow.jobs.promote import Promote
from beauty_mlflow.jobs.promote import run as promote
from beauty_mlflow.jobs.reference import Reference
from beauty_mlflow.jobs.reference import run as reference
from beauty_mlflow.jobs.split import Split
from beauty_mlflow.jobs.split import run as split
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.experiments import TRAININGS, VIEWS, page_of
from beauty_mlflow.tracking.finding import REFERENCE
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

PLACE = re.compile(r"\]\(#/experiments/(\d+)/runs/([0-9a-f]{32})(?:/artifacts/([^)]+))?\)")


def assert_leads_on(run_id):
    """Assert that a run's description has links, each to a run, or an artifact, that there is."""
    client = connect().client
    note = Run.find(connect(), run_id).tags[names.DESCRIPTION]
    assert "](#/" in note
    for experiment, other, artifact in PLACE.findall(note):
        assert client.get_run(other).info.experiment_id == experiment
        folder = artifact.rpartition("/")[0]
        assert artifact in {"", *(entry.path for entry in client.list_artifacts(other, folder))}
    return note


@pytest.mark.slow
def test_each_kind_of_runs_description_leads_on(local_store, finetuned, tmp_path, monkeypatch):
    """To the runs that it is about, and to the pages and figures among its artifacts."""
    known = Run.find(connect(), finetuned)
    assert all(name in known.metrics() for name in TRAININGS.metrics if not name.startswith("test_"))
    assert all(name in known.parameters() for name in TRAININGS.parameters)
    for run in (dict(evaluate(Evaluate(model=finetuned)))["run_id"], dict(compare(Compare()))["run_id"]):
        assert f"runs/{finetuned})" in assert_leads_on(run)
    assert_leads_on(finetuned)
    (tmp_path / "gate.toml").write_text("minimum_pictures = 1\n")
    with suppress(RefusedError):
        promote(Promote(candidate=finetuned, name="first", gate=str(tmp_path / "gate.toml")))
    (promotion,) = connect().client.search_runs([connect().experiment_id], f"tags.{names.PROMOTION} = 'first'")
    assert f"runs/{finetuned})" in assert_leads_on(promotion.info.run_id)
    grouping = Run.create(connect(), "group")
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_RUN_ID", grouping.run_id)  # as `mlflow run` does
        group(Group(groups="auto", model=finetuned, classes=3, out=str(tmp_path / "grouped.csv")))
    assert f"runs/{finetuned})" in assert_leads_on(grouping.run_id)


def test_jobs_in_mlflows_own_run_say_what_they_do(local_store, pictures, tmp_path, monkeypatch):
    """And lead to the manifest and the check-up that they have logged."""
    manifest, grouped = tmp_path / "split.csv", tmp_path / "grouped.csv"
    (tmp_path / "groups.yaml").write_text(f"both: [{', '.join(sorted(path.name for path in pictures.iterdir())[:2])}]")
    jobs = {
        "Decide once which picture is train": (
            lambda: split(Split(data=str(pictures), out=str(manifest))),
            {names.MANIFEST, "check/report.html"},
        ),
        "Look for what is wrong with pictures": (
            lambda: check(Check(data=str(manifest), out=str(tmp_path / "check"))),
            {"check/report.html"},
        ),
        "Merge classes into groups": (
            lambda: group(Group(data=str(manifest), groups=str(tmp_path / "groups.yaml"), out=str(grouped))),
            {names.MANIFEST},
        ),
    }
    for words, (work, artifacts) in jobs.items():
        run = Run.create(connect(), "a job")
        with monkeypatch.context() as patch:
            patch.setenv("MLFLOW_RUN_ID", run.run_id)
            work()
        note = assert_leads_on(run.run_id)
        assert note.startswith(words)
        assert {artifact for _, _, artifact in PLACE.findall(note)} == artifacts


@pytest.mark.slow
def test_a_sweeps_description_leads_on(shared_sweep, tmp_path, monkeypatch):
    """To the trial that won, and to the figures."""
    shutil.copy(shared_sweep.folder / "mlflow.db", tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    parent = shared_sweep.done.stdout.rpartition("run_id: ")[2].strip()
    assert "search/search.html)" in assert_leads_on(parent)


def test_what_is_imported_leads_to_the_views(local_store):
    """A training leads to its experiment, and that to each view."""
    reference(Reference())
    store = connect(experiment=REFERENCE)
    words = store.client.get_experiment(store.experiment_id).tags[names.DESCRIPTION]
    assert all(f"]({page_of(store.experiment_id, view)})" in words.splitlines()[0] for view in VIEWS)
    one, *_ = store.client.search_runs([store.experiment_id], max_results=1)
    assert f"](#/experiments/{store.experiment_id}/runs)" in assert_leads_on(one.info.run_id)
