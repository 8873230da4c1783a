"""What MLflow's UI shows of an experiment: what its runs are, where to find which, and as what kind it opens."""

from urllib.parse import quote

from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.failures import translated
from beauty_mlflow.tracking.store import Store

KIND = "custom_model_development"  # with it the UI opens on the runs, not on traces and prompts

_LISTS = (
    (
        "Trainings, the best on top",
        f"metrics.{names.BEST_VAL_ACCURACY} >= 0",
        f"metrics.`{names.BEST_VAL_ACCURACY}`",
        f"a training's curves, model and `{names.EVALUATION_FOLDER}/val/explorer.html` are among its artifacts",
    ),
    (
        "Evaluations",
        f"tags.{names.EVALUATES} LIKE '%'",
        "attributes.start_time",
        f"the tag `{names.EVALUATES}` names the training whose model was measured",
    ),
    (
        "Sweeps",
        f"tags.{names.STUDY} LIKE '%'",
        "attributes.start_time",
        "a sweep is a run with its trials below it",
    ),
    (
        "Promotions",
        f"tags.`{names.PROMOTION}` LIKE '%'",
        "attributes.start_time",
        "one a decision, with its reasons; the models are under Model registry",
    ),
)


def introduce(store: Store, words: str = "") -> None:
    """Give the store's experiment its words and its kind, where it has none of its own.

    Args:
        store: Where.
        words: Instead of those for an experiment of trainings (Markdown).

    Raises:
        TrackingError: The store refuses or doesn't answer.
    """
    with translated(f"describe the {store.describe()}"):
        tags = store.client.get_experiment(store.experiment_id).tags
        wanted = {names.DESCRIPTION: words or _words(store.experiment_id), names.EXPERIMENT_KIND: KIND}
        for name, value in wanted.items():
            if not tags.get(name):
                store.client.set_experiment_tag(store.experiment_id, name, value)


def runs_page(experiment_id: str, condition: str = "", order: str = "attributes.start_time") -> str:
    """Return the part of the UI's address, from # on, that lists an experiment's runs.

    Args:
        experiment_id: The experiment's.
        condition: MLflow's search filter; empty for all runs.
        order: What the runs are ordered by, downwards.
    """
    return (
        f"#/experiments/{experiment_id}/runs?searchFilter={quote(condition, safe='')}"
        f"&orderByKey={quote(order, safe='')}&orderByAsc=false"
    )


def _words(experiment_id: str) -> str:
    lines = [
        f"- [{name}]({runs_page(experiment_id, condition, order)}): {words}."
        for name, condition, order, words in _LISTS
    ]
    return "\n".join(["Image classifiers, made with beauty_mlflow.", "", *lines])
