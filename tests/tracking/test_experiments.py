from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.experiments import KIND, introduce, runs_page
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect


def tags_of(store):
    return store.client.get_experiment(store.experiment_id).tags


def test_the_first_run_gives_the_experiment_its_words_and_its_kind(store):
    assert names.DESCRIPTION not in tags_of(store)
    Run.create(store, "first")
    tags = tags_of(store)
    assert tags[names.EXPERIMENT_KIND] == KIND
    assert f"(#/experiments/{store.experiment_id}/runs?searchFilter=" in tags[names.DESCRIPTION]


def test_what_the_user_has_written_stays(local_store):
    store = connect()
    store.client.set_experiment_tag(store.experiment_id, names.DESCRIPTION, "Mine.")
    introduce(store)
    assert tags_of(store)[names.DESCRIPTION] == "Mine."
    assert tags_of(store)[names.EXPERIMENT_KIND] == KIND


def test_each_list_of_the_description_is_a_search_that_mlflow_understands(store):
    """Every filter and order behind a link finds the run that it is for, and no other."""
    from beauty_mlflow.tracking import experiments

    kinds = {
        "Trainings, the best on top": ({}, {names.BEST_VAL_ACCURACY: 0.5}),
        "Evaluations": ({names.EVALUATES: "some"}, {}),
        "Sweeps": ({names.STUDY: "depth"}, {}),
        "Promotions": ({names.PROMOTION: "beauty"}, {}),
    }
    made = {}
    for kind, (tags, metrics) in kinds.items():
        run = Run.create(store, kind, tags)
        run.log_metrics(metrics)
        made[kind] = run.run_id
    assert [title for title, *_ in experiments._LISTS] == list(kinds)
    for title, condition, order, _ in experiments._LISTS:
        found = store.client.search_runs([store.experiment_id], condition, order_by=[f"{order} DESC"])
        assert [run.info.run_id for run in found] == [made[title]], title


def test_an_address_keeps_what_the_filter_says():
    assert runs_page("7", "tags.a LIKE '%'", "metrics.`b`") == (
        "#/experiments/7/runs?searchFilter=tags.a%20LIKE%20%27%25%27&orderByKey=metrics.%60b%60&orderByAsc=false"
    )
