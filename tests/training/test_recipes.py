import subprocess
import sys

import pytest

from beauty_mlflow.errors import ParameterError
from beauty_mlflow.training.recipes import CACHES, OPTIMIZERS, PRECISIONS, RECIPES, Recipe, get_recipe
from beauty_mlflow.training.schedules import SCHEDULES


def test_the_thesis_recipe_is_the_protocol_of_2018():
    assert get_recipe("thesis") == Recipe(
        name="thesis",
        optimizer="rmsprop",
        learning_rate=2e-4,
        head_learning_rate=2e-4,
        label_smoothing=0.0,
        augment="thesis",
        batch_norm="train",
        precision="float32",
        scaling="thesis",
        schedule="constant",
        warm_head=False,
        cache="pictures",
    )


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_each_recipe_names_what_exists(recipe):
    assert recipe.optimizer in OPTIMIZERS
    assert recipe.precision in ("auto", *PRECISIONS)
    assert recipe.learning_rate > 0
    assert recipe.head_learning_rate > 0
    assert 0 <= recipe.label_smoothing < 1
    assert recipe.schedule in SCHEDULES
    assert recipe.cache in CACHES
    assert recipe.cache == "activations" or not recipe.warm_head


def test_an_unknown_recipe_suggests_the_nearest():
    with pytest.raises(
        ParameterError, match=r"Unknown recipe 'Thesis1': expected one of thesis, fast\. Did you mean 'thesis'\?"
    ):
        get_recipe("Thesis1")


def test_importing_recipes_loads_nothing_heavy():
    code = (
        "import sys, beauty_mlflow.training.recipes\n"
        "print(sorted({'numpy', 'pandas', 'tensorflow', 'keras', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
