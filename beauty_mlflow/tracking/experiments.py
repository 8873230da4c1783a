"""What MLflow's UI shows of an experiment: what its runs are, and views of them with the columns that matter.

A view is what the UI's own Share button keeps: a tag of the experiment, which an address names. MLflow documents
neither; where another version of it doesn't know them, the address shows all runs in the UI's own columns.
"""

import json
from dataclasses import dataclass
from functools import partial

from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.collisions import despite_others
from beauty_mlflow.tracking.failures import translated
from beauty_mlflow.tracking.store import Store

KIND = "custom_model_development"  # with it the UI opens on the runs, not on traces and prompts
_CREATED = "attributes.start_time"


@dataclass(frozen=True)
class View:
    """A list of runs in the UI.

    Attributes:
        key: What an address calls it.
        title: Of the link to it.
        words: What it lists.
        condition: MLflow's search filter.
        order: What the runs are ordered by, downwards.
        metrics: Columns.
        parameters: Columns.
        tags: Columns.
    """

    key: str
    title: str
    words: str
    condition: str
    order: str = _CREATED
    metrics: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """What the UI keeps of it, JSON."""
        kinds = {"metrics": self.metrics, "params": self.parameters, "tags": self.tags}
        columns = [f"{kind}.`{name}`" for kind, chosen in kinds.items() for name in chosen]
        state = {"searchFilter": self.condition, "orderByKey": self.order, "orderByAsc": False}
        return json.dumps({**state, "selectedColumns": ["attributes.`Created`", "attributes.`Duration`", *columns]})


_TEST = ("test_accuracy", "test_accuracy_low", "test_accuracy_high", "test_macro_f1")
TRAININGS = View(
    "trainings",
    "Trainings, the best on top",
    f"a training's curves, model and `{names.EVALUATION_FOLDER}/val/explorer.html` are among its artifacts",
    f"metrics.{names.BEST_VAL_ACCURACY} >= 0",
    f"metrics.`{names.BEST_VAL_ACCURACY}`",
    (names.BEST_VAL_ACCURACY, names.BEST_EPOCH, "test_accuracy"),
    ("network", "recipe", "blocks", "learning_rate", "resolved.learning_rate", names.PARAMETERS_TRAINABLE),
)
VIEWS = (
    TRAININGS,
    View(
        "evaluations",
        "Evaluations",
        f"the tag `{names.EVALUATES}` names the training whose model was measured",
        f"tags.{names.EVALUATES} LIKE '%'",
        metrics=_TEST,
        tags=(names.EVALUATES,),
    ),
    View(
        "sweeps",
        "Sweeps",
        f"a sweep is a run with its trials below it; its `{names.BEST_VALUE}` is the best trial's so far",
        f"tags.{names.STUDY} LIKE '%'",
        metrics=(names.BEST_VALUE, names.BEST_VAL_ACCURACY),
        parameters=("blocks", "learning_rate"),
        tags=(names.TRIAL_NUMBER, names.TRIAL_STATE),
    ),
    View(
        "promotions",
        "Promotions",
        "one a decision, with its reasons; the models are under Model registry",
        f"tags.`{names.PROMOTION}` LIKE '%'",
        tags=(names.PROMOTION_KIND, names.PROMOTION_VERDICT, names.PROMOTION_REASON, names.PROMOTION_VERSION),
    ),
)


def introduce(store: Store, title: str = "Image classifiers", words: str = "") -> None:
    """Give the store's experiment, where it has none of its own, its words, its kind and its views.

    Args:
        store: Where.
        title: What the experiment is, in the few words before the links to the views: the UI shows one line at first.
        words: What else is to be said; what each view lists, if it is nothing (both Markdown).

    Raises:
        TrackingError: The store refuses or doesn't answer.
    """
    wanted = {names.DESCRIPTION: _described(store.experiment_id, title, words), names.EXPERIMENT_KIND: KIND}
    wanted |= {f"{names.SHARED_VIEW}{view.key}": view.state for view in VIEWS}
    with translated(f"describe the {store.describe()}"):
        tags = store.client.get_experiment(store.experiment_id).tags
        for name, value in wanted.items():
            if not tags.get(name):
                despite_others(partial(store.client.set_experiment_tag, store.experiment_id, name, value))


def page_of(experiment_id: str, view: View = TRAININGS) -> str:
    """Return the part of the UI's address, from # on, that shows a view of an experiment's runs."""
    return f"#/experiments/{experiment_id}/runs?viewStateShareKey={view.key}&workflowType=machine_learning"


def _described(experiment_id: str, title: str, words: str) -> str:
    links = " · ".join(f"[{view.title}]({page_of(experiment_id, view)})" for view in VIEWS)
    lists = "\n".join(f"- {view.title}: {view.words}." for view in VIEWS)
    return f"{title}: {links}\n\n{words or lists}"
