import json
import time
from concurrent.futures import ThreadPoolExecutor

from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.experiments import KIND, VIEWS, introduce, page_of
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect


def tags_of(store):
    return store.client.get_experiment(store.experiment_id).tags


def test_the_first_run_gives_the_experiment_its_words_and_its_kind(store):
    assert names.DESCRIPTION not in tags_of(store)
    Run.create(store, "first")
    tags = tags_of(store)
    assert tags[names.EXPERIMENT_KIND] == KIND
    for view in VIEWS:
        assert f"({page_of(store.experiment_id, view)})" in tags[names.DESCRIPTION]
        assert json.loads(tags[f"mlflow.sharedViewState.{view.key}"])["searchFilter"] == view.condition


def test_what_the_user_has_written_stays(local_store):
    store = connect()
    store.client.set_experiment_tag(store.experiment_id, names.DESCRIPTION, "Mine.")
    introduce(store)
    assert tags_of(store)[names.DESCRIPTION] == "Mine."
    assert tags_of(store)[names.EXPERIMENT_KIND] == KIND


def test_each_view_is_a_search_that_mlflow_understands(store):
    """Every filter and order behind a link finds the run that it is for, and no other."""
    kinds = {
        "trainings": ({}, {names.BEST_VAL_ACCURACY: 0.5}),
        "evaluations": ({names.EVALUATES: "some"}, {}),
        "sweeps": ({names.STUDY: "depth"}, {}),
        "promotions": ({names.PROMOTION: "beauty"}, {}),
    }
    made = {}
    for kind, (tags, metrics) in kinds.items():
        run = Run.create(store, kind, tags)
        run.log_metrics(metrics)
        made[kind] = run.run_id
    assert [view.key for view in VIEWS] == list(kinds)
    for view in VIEWS:
        found = store.client.search_runs([store.experiment_id], view.condition, order_by=[f"{view.order} DESC"])
        assert [run.info.run_id for run in found] == [made[view.key]], view.key


def test_a_sweeps_own_figure_is_beside_its_trials():
    """Its row has a column that isn't empty, as the trials' have."""
    (sweeps,) = (json.loads(view.state) for view in VIEWS if view.key == "sweeps")
    assert {"metrics.`best_value`", "metrics.`best_val_accuracy`"} <= set(sweeps["selectedColumns"])


def test_processes_that_introduce_at_once_all_go_on(server_uri, monkeypatch, python, tmp_path):
    """Ten times, three processes set the tags of a fresh experiment at the same moment; a server refuses the later."""
    script = """
        import sys, time
        from beauty_mlflow.tracking.experiments import introduce
        from beauty_mlflow.tracking.store import connect
        from dataclasses import replace
        store = connect()
        for name in sys.argv[2:]:
            experiment = store.client.get_experiment_by_name(name).experiment_id
            time.sleep(max(0, float(sys.argv[1]) - time.time()))
            introduce(replace(store, experiment_id=experiment, experiment=name))
    """
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server_uri)
    client = connect().client
    fresh = [f"at once {number}" for number in range(10)]
    for name in fresh:
        client.create_experiment(name)
    begin = time.time() + 20
    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(python, script, begin, *fresh) for _ in range(3)]:
            done.result()
    assert all(client.get_experiment_by_name(name).tags[names.EXPERIMENT_KIND] == KIND for name in fresh)
