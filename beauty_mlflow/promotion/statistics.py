"""The tests that tell a difference between two models from chance, on the same pictures."""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

RESAMPLES = 2000
POWER = 0.8

Labels = npt.NDArray[np.int64]


def mcnemar(gained: int, lost: int) -> float:
    """Return the two-sided p-value of McNemar's exact test (1947).

    Args:
        gained: Pictures that only the candidate has right.
        lost: Pictures that only the champion has right.
    """
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def one_sided_loss(gained: int, lost: int) -> float:
    """Return the probability of so many losses or more among the differing pictures, if either were as likely."""
    return float(binomtest(lost, gained + lost, alternative="greater").pvalue) if gained + lost else 1.0


def holm(values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values corrected for being many, by Holm's step-down method (1979)."""
    adjusted, largest = {}, 0.0
    for rank, name in enumerate(sorted(values, key=lambda name: (values[name], name))):
        largest = max(largest, min(1.0, (len(values) - rank) * values[name]))
        adjusted[name] = largest
    return adjusted


def macro_f1_interval(
    true: Labels, champion: Labels, candidate: Labels, *, confidence: float, resamples: int = RESAMPLES
) -> tuple[float, float, float]:
    """Return the change in macro-F1 from champion to candidate, and the ends of its paired bootstrap interval.

    Pictures are drawn with replacement, each with both answers (Efron and Tibshirani 1993); classes are those that
    have a picture. The same pictures give the same interval.

    Args:
        true: [n], the labels.
        champion: [n], its answers; -1 is a class that the labels don't have.
        candidate: [n], the same.
        confidence: Share of the resamples between the ends.
        resamples: How many.
    """
    present = np.unique(true)

    def change(rows: Labels) -> float:
        before, after = (_macro_f1(true[rows], answers[rows], present) for answers in (champion, candidate))
        return after - before

    generator = np.random.default_rng(0)
    changes = [change(generator.integers(0, len(true), len(true))) for _ in range(resamples)]
    low, high = np.quantile(changes, [(1 - confidence) / 2, (1 + confidence) / 2])
    return change(np.arange(len(true))), float(low), float(high)


def detectable_gain(pictures: int, differing: int, level: float) -> float:
    """Return the least gain that McNemar's test would have shown with a probability of 0.8; nan where none would.

    By the normal approximation of Connor (1987), for the share of differing pictures that was seen.

    Args:
        pictures: In all.
        differing: On which one of the models alone is right.
        level: Of the test, two-sided.
    """
    share = differing / pictures
    tail, power = norm.ppf(1 - level / 2), norm.ppf(POWER)

    def lacking(gain: float) -> float:
        return float(tail * math.sqrt(share) + power * math.sqrt(max(share - gain**2, 0)) - gain * math.sqrt(pictures))

    if not differing or lacking(share) > 0:
        return math.nan
    return float(brentq(lacking, 0, share))


def lucky_pass(uses: int, level: float) -> float:
    """Return the most probable case that one of so many useless candidates passes (Sidak 1967).

    Args:
        uses: How many were tested.
        level: Of the two-sided test; who passes has to be on its better side, so half of it counts.
    """
    return 1 - (1 - level / 2) ** uses


def _macro_f1(true: Labels, answers: Labels, classes: Labels) -> float:
    """Return the mean of 2 hits / (pictures of the class + answers with it) over the classes."""
    size = int(max(classes.max(), answers.max())) + 1
    hits, pictures, given = (
        np.bincount(found[found >= 0], minlength=size)[classes] for found in (true[true == answers], true, answers)
    )
    return float(np.mean(2 * hits / np.maximum(pictures + given, 1)))
