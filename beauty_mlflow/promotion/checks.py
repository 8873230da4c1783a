"""The gate's conditions, each from the answers to whether it is met, and why."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from beauty_mlflow.promotion.answers import Answers, ClassChanges, Pair
from beauty_mlflow.promotion.gate import LARGEST_CLASS, Gate
from beauty_mlflow.promotion.statistics import holm, macro_f1_interval, one_sided_loss


@dataclass(frozen=True)
class Candidate:
    """What the gate asks of a model beyond its answers; nan is unknown.

    Attributes:
        megabytes: Of its files.
        milliseconds: For one picture.
        has_manifest: Whether it is known what it was trained on.
    """

    megabytes: float = math.nan
    milliseconds: float = math.nan
    has_manifest: bool = True


@dataclass(frozen=True)
class Check:
    """One condition.

    Attributes:
        name: Of the gate's key.
        passed: Whether it is met.
        sentence: What was found, against what was asked.
    """

    name: str
    passed: bool
    sentence: str


def minimum_accuracy(answers: Answers, gate: Gate) -> Check:
    """Ask for the least accuracy: by the gate, or more than always guessing the largest class (Wilson's interval)."""
    hits, pictures = int(answers.right.sum()), len(answers.true)
    accuracy = hits / pictures
    if gate.minimum_accuracy != LARGEST_CLASS:
        words = f"accuracy {accuracy:.4f}, asked for: {gate.minimum_accuracy:g}"
        return Check("minimum_accuracy", accuracy >= float(gate.minimum_accuracy), words)
    low = float(binomtest(hits, pictures).proportion_ci(method="wilson").low)
    share = float(np.unique(answers.true, return_counts=True)[1].max()) / pictures
    words = f"accuracy {accuracy:.4f}, at least {low:.4f} (95 %); the largest class's share is {share:.4f}"
    return Check("minimum_accuracy", low > share, words)


def minimum_gain(both: Pair, gate: Gate) -> Check:
    """Ask for a gain that is large enough and no chance (McNemar's exact test)."""
    gained = f"{both.gained} picture{'s' * (both.gained != 1)} gained"
    words = f"{gained}, {both.lost} lost: {both.gain:+.4f} (p = {both.p_value:.3g})"
    passed = both.gain > 0 and both.p_value < gate.level and both.gain >= gate.minimum_gain
    asked = f"at least {gate.minimum_gain:g}" if gate.minimum_gain else "more than 0"
    return Check("minimum_gain", passed, f"{words}, asked for: {asked}, significant at {gate.level:g}")


def macro_f1_change(both: Pair, gate: Gate) -> Check:
    """Refuse a change in macro-F1 that lies wholly below what the gate allows (paired bootstrap)."""
    names, true = np.unique(both.candidate.true, return_inverse=True)
    numbers = {name: number for number, name in enumerate(names.tolist())}
    before, after = (
        np.array([numbers.get(name, -1) for name in one.predicted.tolist()], np.int64)
        for one in (both.champion, both.candidate)
    )
    change, low, high = macro_f1_interval(true.astype(np.int64), before, after, confidence=1 - gate.level)
    words = f"{change:+.4f} ({low:+.4f} to {high:+.4f}), asked for: not wholly below {gate.macro_f1_change:+g}"
    return Check("macro_f1_change", high >= gate.macro_f1_change, words)


def recall_loss(both: Pair, gate: Gate, groups: Mapping[str, str]) -> Check:
    """Refuse a loss of recall beyond the gate's, in any class or group, that is no chance over all of them (Holm)."""
    losses, probabilities = {}, {}
    for name, classes in _members(both, groups):
        some = both.of(np.isin(both.candidate.true, classes))
        losses[name], probabilities[name] = -some.gain, one_sided_loss(some.gained, some.lost)
    adjusted = holm(probabilities)
    bad = [name for name in losses if losses[name] > gate.recall_loss and adjusted[name] < gate.level]
    worst = bad or [name for name in (max(losses, key=lambda name: losses[name]),) if losses[name] > 0]
    words = ", ".join(f"{name} lost {losses[name]:.4f} (p = {adjusted[name]:.3g})" for name in worst)
    words = words or "no class lost any"
    asked = f"allowed: {gate.recall_loss:g}, or more by chance at {gate.level:g}"
    return Check("recall_loss", not bad, f"{words}; {asked}")


def class_changes(changes: ClassChanges, gate: Gate) -> Iterator[Check]:
    """Refuse other classes, unless the gate allows them."""
    if changes.added or changes.removed:
        allowed = "allowed" if gate.class_changes else "not allowed"
        words = f"{len(changes.added)} classes are new and {len(changes.removed)} are gone, which is {allowed}"
        yield Check("class_changes", gate.class_changes, words)


def limits(about: Candidate, gate: Gate) -> Iterator[Check]:
    """Refuse a model that is too large, too slow, or of unknown origin."""
    for name, limit, found, unit in (
        ("largest_megabytes", gate.largest_megabytes, about.megabytes, "MB"),
        ("slowest_milliseconds", gate.slowest_milliseconds, about.milliseconds, "ms a picture"),
    ):
        if limit:
            yield Check(name, found <= limit, f"{found:.4g} {unit}, allowed: {limit:g}")
    if gate.require_manifest and not about.has_manifest:
        words = "nobody knows what it was trained on, so it may have seen these pictures"
        yield Check("require_manifest", passed=False, sentence=words)


def _members(both: Pair, groups: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    classes = sorted(set(both.candidate.true.tolist()))
    together: dict[str, list[str]] = {}
    for name in classes:
        if name in groups:
            together.setdefault(f"group {groups[name]}", []).append(name)
    return [*((name, [name]) for name in classes), *together.items()]
