"""Confusions with groups that are known, because they were put there."""

import numpy as np
import pytest

from beauty_mlflow.evaluation.predictions import PredictionTable


@pytest.fixture(scope="session")
def sample_confusions():
    """Return counts drawn from planted groups: rights on the diagonal, most mistakes inside the true class's group."""

    def sample(group_of, *, pictures, right=0.6, inside=0.3, seed=0):
        random = np.random.default_rng(seed)
        n = len(group_of)
        counts = np.zeros((n, n), np.int64)
        for label in range(n):
            same = (np.asarray(group_of) == group_of[label]) & (np.arange(n) != label)
            other = np.asarray(group_of) != group_of[label]
            chances = right * np.eye(n)[label]
            chances += inside * same / max(same.sum(), 1) + (1 - right - inside) * other / max(other.sum(), 1)
            counts[label] = random.multinomial(pictures, chances / chances.sum())
        return counts

    return sample


@pytest.fixture(scope="session")
def table_of():
    """Return a table of predictions that gives these counts, a picture a count, with sure answers."""

    def make(counts, classes=None, sure=0.7):
        n = len(counts)
        true, predicted = (labels.repeat(counts.ravel()) for labels in np.indices(counts.shape).reshape(2, -1))
        rows = np.full((len(true), n), (1 - sure) / (n - 1), np.float32)
        rows[np.arange(len(true)), predicted] = sure
        names = tuple(classes or (f"class{label:03d}" for label in range(n)))
        paths = tuple(f"{label}/{i:04d}.jpg" for i, label in enumerate(true.tolist()))
        return PredictionTable(paths, true.astype(np.int32), rows, names)

    return make
