import pytest

from beauty_mlflow.errors import TrackingError
from beauty_mlflow.tracking import imports, names
from beauty_mlflow.tracking.imports import Imported, import_runs
from beauty_mlflow.tracking.runs import Run

LONG_AGO = 1_514_764_800_000


def imported(key="a", **changes):
    points = [("val_loss", 2.0 - step, LONG_AGO + 1000 * step, step) for step in (1, 2, 3)]
    given = {"start": LONG_AGO, "end": LONG_AGO + 3000, "parameters": {"blocks": "6"}, "points": points}
    return Imported(
        **{"key": key, "name": f"run {key}", "figures": {"best": 0.5}, "tags": {"note": "x"}, **given, **changes}
    )


def active(store):
    return store.client.search_runs([store.experiment_id])


def points(store, run_id, name="val_loss"):
    return [(point.step, point.value, point.timestamp) for point in store.client.get_metric_history(run_id, name)]


def test_a_run_of_the_past(store):
    """Its dates, parameters, metrics at their steps and times, and tags are as given."""
    assert import_runs(store, [imported()]) == ["a"]
    (run,) = active(store)
    assert (run.info.start_time, run.info.end_time, run.info.status) == (LONG_AGO, LONG_AGO + 3000, "FINISHED")
    assert run.info.run_name == "run a"
    assert run.data.params == {"blocks": "6"}
    assert run.data.metrics == {"val_loss": -1.0, "best": 0.5}
    assert points(store, run.info.run_id) == [(step, 2.0 - step, LONG_AGO + 1000 * step) for step in (1, 2, 3)]
    assert {"note": "x", names.IMPORTED: "true", names.IMPORTED_KEY: "a"}.items() <= run.data.tags.items()


def test_importing_again_changes_nothing(store):
    assert import_runs(store, [imported("a"), imported("b")]) == ["a", "b"]
    before = {run.info.run_id: dict(run.data.tags) for run in active(store)}
    assert import_runs(store, [imported("a"), imported("b"), imported("c")]) == ["c"]
    after = {run.info.run_id: dict(run.data.tags) for run in active(store)}
    assert before.items() <= after.items()
    assert len(after) == 3
    assert all(len(points(store, run.info.run_id)) == 3 for run in active(store))


def test_a_half_import_is_completed(store):
    """What a killed process had logged stays once, what is missing is added, and the run ends."""
    half = imported()
    run = Run(store, store.client.create_run(store.experiment_id, LONG_AGO, half.all_tags, "run a").info.run_id)
    store.client.log_metric(run.run_id, *half.points[0])
    store.client.log_param(run.run_id, "blocks", "6")
    run.finish("FAILED", {names.ERROR: "a full disk"})
    assert import_runs(store, [half]) == ["a"]
    (found,) = active(store)
    assert (found.info.run_id, found.info.status, found.info.end_time) == (run.run_id, "FINISHED", LONG_AGO + 3000)
    assert len(points(store, run.run_id)) == 3
    assert names.ERROR not in found.data.tags


def test_copies_that_processes_made_at_once_are_deleted(store):
    """Of two unfinished runs with one key, one is left and completed."""
    one = imported()
    made = [store.client.create_run(store.experiment_id, LONG_AGO, one.all_tags).info.run_id for _ in range(3)]
    assert import_runs(store, [one]) == ["a"]
    (found,) = active(store)
    assert found.info.run_id == min(made)
    assert len(points(store, found.info.run_id)) == 3
    assert import_runs(store, [one]) == []


@pytest.fixture
def lose(store, monkeypatch):
    """Let another process delete the run that is being filled, once, for one of its own or for none."""
    fill = imports._fill

    def once(*, winner):
        def beaten(run, one):
            monkeypatch.setattr(imports, "_fill", fill)
            if winner:
                store.client.create_run(store.experiment_id, LONG_AGO, one.all_tags, "the winner's")
            store.client.delete_run(run.run_id)
            fill(run, one)

        monkeypatch.setattr(imports, "_fill", beaten)

    return once


def test_the_loser_of_a_race_goes_on_with_the_winners_run(store, lose):
    lose(winner=True)
    assert import_runs(store, [imported()]) == ["a"]
    (found,) = active(store)
    assert (found.info.run_name, found.info.status) == ("the winner's", "FINISHED")
    assert len(points(store, found.info.run_id)) == 3
    assert import_runs(store, [imported()]) == []


def test_a_run_deleted_meanwhile_is_an_error(store, lose):
    lose(winner=False)
    with pytest.raises(TrackingError, match="log the figures"):
        import_runs(store, [imported()])


def test_a_deleted_run_is_said(store):
    """It isn't made a second time beside the one in the trash; restored, it counts as there."""
    import_runs(store, [imported()])
    run_id = active(store)[0].info.run_id
    store.client.delete_run(run_id)
    with pytest.raises(TrackingError, match=f"mlflow runs restore --run-id {run_id}"):
        import_runs(store, [imported()])
    assert active(store) == []
    store.client.restore_run(run_id)
    assert import_runs(store, [imported()]) == []


def test_an_import_that_fails_isnt_left_running(local_run):
    """A value that no tracker takes ends the run FAILED; the next import completes it."""
    store = local_run.store
    bad = imported(figures={"best": "no number"})
    with pytest.raises(ValueError, match="no number"):
        import_runs(store, [bad])
    statuses = {run.info.run_name: run.info.status for run in active(store)}
    assert statuses["run a"] == "FAILED"
    assert import_runs(store, [imported()]) == ["a"]
