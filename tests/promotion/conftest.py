import numpy as np
import pytest

from beauty_mlflow.promotion.answers import Answers


@pytest.fixture
def answers():
    """A function of pictures a class and, for each class, the share that is right, to a model's answers."""

    def make(counts, right, *, classes=None, start=0):
        true, predicted = [], []
        names = list(counts)
        for place, (name, count) in enumerate(counts.items()):
            hits = round(count * (right[name] if isinstance(right, dict) else right))
            wrong = names[(place + 1) % len(names)]
            true += [name] * count
            own = [name] * hits + [wrong] * (count - hits)
            predicted += own[start:] + own[:start]
        return Answers(np.array(true), np.array(predicted), tuple(classes or names))

    return make
