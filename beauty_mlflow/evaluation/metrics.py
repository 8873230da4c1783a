"""The figures that sum up a table of predictions."""

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import f1_score, recall_score

from beauty_mlflow.evaluation.predictions import BEST, PredictionTable

CONFIDENCE = 0.95
EPSILON = 1e-7  # Keras clips probabilities so, and a single zero would make the loss infinite


def summarize(table: PredictionTable) -> dict[str, float]:
    """Compute a part's figures.

    Returns:
        accuracy: Share of the pictures whose predicted class is the true one.
        accuracy_low, accuracy_high: Its 95 % interval (Wilson 1927, which holds near 0 and 1 and for few
            pictures).
        balanced_accuracy: Mean recall of the classes that have a picture in the part.
        macro_f1: Mean F1 of the same classes. A picture that is taken for a class without pictures still
            lowers its own class's recall.
        top5_accuracy: Share of the pictures whose true class is among the five most probable (among all,
            where there are fewer).
        loss: Mean categorical cross-entropy in nats, as Keras computes it: rows divided by their sum, clipped
            to [1e-7, 1 - 1e-7].
    """
    hits = int((table.predicted == table.true).sum())
    low, high = accuracy_interval(hits, len(table))
    present = np.unique(table.true)
    scored = {"labels": present, "average": "macro", "zero_division": 0.0}
    return {
        "accuracy": hits / len(table),
        "accuracy_low": low,
        "accuracy_high": high,
        "balanced_accuracy": float(recall_score(table.true, table.predicted, **scored)),
        "macro_f1": float(f1_score(table.true, table.predicted, **scored)),
        "top5_accuracy": float((table.top(BEST) == table.true[:, None]).any(axis=1).mean()),
        "loss": _cross_entropy(table),
    }


def accuracy_interval(hits: int, pictures: int) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy (Wilson 1927)."""
    interval = binomtest(hits, pictures).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def _cross_entropy(table: PredictionTable) -> float:
    rows = table.probabilities.astype(np.float64)
    of_truth = rows[np.arange(len(table)), table.true] / rows.sum(axis=1)
    return float(-np.log(np.clip(of_truth, EPSILON, 1 - EPSILON)).mean())
