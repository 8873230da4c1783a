import pytest

from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.settings import resolve
from beauty_mlflow.jobs.train import Train
from beauty_mlflow.training.recipes import get_recipe

FAST, THESIS = get_recipe("fast"), get_recipe("thesis")


def resolved(job=Finetune, **given):
    return resolve(job.parse({"network": "tiny" if job is Finetune else "simplenet", **given}))


@pytest.mark.parametrize("recipe", [FAST, THESIS], ids=["fast", "thesis"])
def test_auto_takes_the_recipes_values(recipe):
    """All that the recipe decides, with blocks unfrozen."""
    settings = resolved(recipe=recipe.name, blocks="1", precision="float32")
    for name in ("optimizer", "learning_rate", "schedule", "label_smoothing", "augment", "batch_norm", "cache"):
        assert getattr(settings, name) == getattr(recipe, name), name
    assert settings.warm_head == recipe.warm_head


@pytest.mark.parametrize(
    ("given", "name", "expected"),
    [
        ({"schedule": "cosine"}, "schedule", "cosine"),
        ({"recipe": "fast", "schedule": "constant"}, "schedule", "constant"),
        ({"recipe": "fast", "blocks": "0"}, "learning_rate", FAST.head_learning_rate),
        ({"recipe": "fast", "unfreeze": "conv2"}, "learning_rate", FAST.learning_rate),
        ({"recipe": "fast", "blocks": "0", "learning_rate": "0.5"}, "learning_rate", 0.5),
        ({"cache": "activations"}, "cache", "activations"),
        ({"recipe": "fast", "cache": "none"}, "cache", "none"),
    ],
    ids=str,
)
def test_what_is_given_wins_and_depth_counts(given, name, expected):
    """The head alone has a learning rate of its own."""
    assert getattr(resolved(**({} if "unfreeze" in given else {"blocks": "1"}) | given), name) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"recipe": "fast", "blocks": "1"}, True),
        ({"recipe": "fast", "unfreeze": "conv2"}, True),
        ({"recipe": "fast", "blocks": "0"}, False),
        ({"recipe": "fast", "blocks": "1", "warm_head": "false"}, False),
        ({"recipe": "fast", "blocks": "1", "cache": "pictures"}, False),
        ({"recipe": "thesis", "blocks": "1", "cache": "activations"}, False),
        ({"recipe": "thesis", "blocks": "1", "cache": "activations", "warm_head": "true"}, True),
    ],
    ids=str,
)
def test_the_head_comes_first_where_blocks_train_on_activations(given, expected):
    """Where the head is all that trains, or nothing of the frozen part is kept, there is nothing to do before."""
    assert resolved(**given).warm_head is expected


def test_a_network_trained_as_a_whole_keeps_pictures():
    """It has no frozen part, whatever the recipe."""
    settings = resolved(Train, recipe="fast", precision="float32")
    assert (settings.cache, settings.warm_head, settings.batch_norm) == ("pictures", False, "train")


def test_settings_are_logged_as_text():
    """Each with its name before it; what is true or false as such words."""
    text = resolved(recipe="fast", blocks="1", precision="float32").as_text()
    assert text["resolved.cache"] == "activations"
    assert text["resolved.warm_head"] == "true"
    assert text["resolved.schedule"] == "cosine"
