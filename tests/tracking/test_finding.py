import pytest

from beauty_mlflow.errors import TrackingError
from beauty_mlflow.tracking import finding, names
from beauty_mlflow.tracking.finding import child_runs
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store


@pytest.fixture
def child(store, run):
    """Make a child of the run."""

    def make(**tags):
        given = {name.replace("_", "."): value for name, value in tags.items()}
        return Run.create(store, "a child", {names.PARENT: run.run_id, **given}).run_id

    return make


def found(store, run, tags=None):
    return [one.run_id for one in child_runs(store, run, tags)]


def test_children_are_found_the_oldest_first(store, run, child):
    """Its own, not its parent's, a stranger's or a deleted one, and none where there is none."""
    assert found(store, run) == []
    first, second, gone = child(), child(), child()
    Run.create(store, "a stranger")
    Run.create(store, "another's child", {names.PARENT: first})
    store.client.delete_run(gone)
    assert found(store, run) == [first, second]


def test_children_are_found_by_their_tags(store, run, child):
    """All tags count, as whole words."""
    first, tenth = child(trial_number="1"), child(trial_number="10")
    confirming = child(confirm="1")
    assert found(store, run, {names.TRIAL_NUMBER: "1"}) == [first]
    assert found(store, run, {names.TRIAL_NUMBER: "10"}) == [tenth]
    assert found(store, run, {names.CONFIRM: "1"}) == [confirming]
    assert found(store, run, {names.CONFIRM: "1", names.TRIAL_NUMBER: "1"}) == []


def test_children_are_found_by_their_status(store, run, child):
    running, failed = child(), child()
    Run(store, failed).finish("FAILED")
    assert [one.run_id for one in child_runs(store, run, status="RUNNING")] == [running]
    assert [one.run_id for one in child_runs(store, run, status="FAILED")] == [failed]


def test_more_children_than_a_page_holds(store, run, child, monkeypatch):
    monkeypatch.setattr(finding, "PAGE", 2)
    made = [child() for _ in range(5)]
    assert sorted(found(store, run)) == sorted(made)


def test_more_experiments_than_a_page_holds(local_run, monkeypatch):
    store = local_run.store
    monkeypatch.setattr(finding, "PAGE", 2)
    made = [store.client.create_experiment(f"experiment {n}") for n in range(5)]
    assert set(made) <= set(finding.experiments(store))
    assert finding.experiments(store, "experiment 0") == made[:1]


def test_a_store_that_refuses_is_a_sentence(run):
    """The run whose children were looked for is named."""
    gone = Store(run.store.client, run.store.uri, "no such experiment", "gone", ())
    parent = Run(gone, run.run_id)
    with pytest.raises(TrackingError, match=f"Can't find the children of the run {run.run_id}"):
        child_runs(gone, parent, {"a` b": "it's"})
