"""From two models' answers about the same pictures, and a gate, to a verdict."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from beauty_mlflow.errors import DataError
from beauty_mlflow.promotion import checks
from beauty_mlflow.promotion.answers import Answers, Pair, pair
from beauty_mlflow.promotion.checks import Candidate, Check
from beauty_mlflow.promotion.gate import Gate
from beauty_mlflow.promotion.statistics import detectable_gain, lucky_pass

WORN = 0.25  # a test part is worn out where luck alone would have passed so often

Verdict = Literal["first", "better", "equal within noise", "worse within noise", "worse"]


@dataclass(frozen=True)
class Decision:
    """What became of a candidate.

    Attributes:
        verdict: How it compares with the champion.
        checks: All conditions of the gate that were looked at.
        notes: What else must be known, in sentences.
        figures: The numbers behind it, by name.
    """

    verdict: Verdict
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the candidate may replace the champion."""
        return all(check.passed for check in self.checks)


def decide(
    candidate: Answers,
    champion: Answers | None,
    gate: Gate,
    about: Candidate,
    *,
    groups: Mapping[str, str] | None = None,
    uses: int = 0,
) -> Decision:
    """Decide whether a candidate replaces the champion; ties keep the champion, and the first needs the minimum only.

    Args:
        candidate: Its answers.
        champion: The champion's about the same pictures, in the same order; None where there is none yet.
        gate: The conditions.
        about: What else is known of the candidate.
        groups: From classes to groups, whose recall is looked at as well.
        uses: How many promotions these pictures have decided before.

    Raises:
        DataError: The pictures aren't the same, are too few, or no class is shared.
    """
    if champion is None:
        known, left_out = _of_own_classes(candidate)
        _require_enough(known, gate)
        own = (checks.minimum_accuracy(known, gate), *checks.limits(about, gate))
        return Decision("first", own, (*left_out, *_wear(uses, gate)), _figures(known))
    both, changes = pair(candidate, champion)
    _require_enough(both.candidate, gate)
    found = (
        checks.minimum_accuracy(both.candidate, gate),
        checks.minimum_gain(both, gate),
        checks.macro_f1_change(both, gate),
        checks.recall_loss(both, gate, groups or {}),
        *checks.class_changes(changes, gate),
        *checks.limits(about, gate),
    )
    figures = {
        **_figures(both.candidate),
        "champion_accuracy": float(both.champion.right.mean()),
        "gain": both.gain,
        "gained": both.gained,
        "lost": both.lost,
        "p_value": both.p_value,
        "detectable_gain": detectable_gain(len(both.candidate.true), both.gained + both.lost, gate.level),
    }
    notes = (*changes.notes(), *_wear(uses, gate), _detectable(figures["detectable_gain"], len(both.candidate.true)))
    return Decision(_verdict(both, gate), found, notes, figures)


def _verdict(both: Pair, gate: Gate) -> Verdict:
    if both.p_value < gate.level:
        return "better" if both.gain > 0 else "worse"
    return "equal within noise" if both.gain >= 0 else "worse within noise"


def _wear(uses: int, gate: Gate) -> Iterator[str]:
    if uses:
        yield f"This test part has decided {uses} promotion{'s' if uses > 1 else ''} before."
    luck = lucky_pass(uses + 1, gate.level)
    if luck > WORN:
        yield (
            "WARNING: it is worn out: of so many candidates that are no better, one passes by luck with a probability "
            f"of up to {luck:.2f}. Take pictures that no model was chosen by."
        )


def _of_own_classes(answers: Answers) -> tuple[Answers, tuple[str, ...]]:
    rows = np.isin(answers.true, answers.classes)
    if not rows.any():
        raise DataError("The model knows none of the pictures' classes, so nothing can be measured.")
    if rows.all():
        return answers, ()
    return answers.of(rows), (f"{(~rows).sum()} pictures of classes that the model doesn't know were left out.",)


def _require_enough(answers: Answers, gate: Gate) -> None:
    if len(answers.true) < gate.minimum_pictures:
        raise DataError(
            f"{len(answers.true)} pictures are too few to tell anything: the gate's minimum_pictures is "
            f"{gate.minimum_pictures}. Give more data, or lower it knowingly."
        )


def _figures(answers: Answers) -> dict[str, float]:
    return {"pictures": len(answers.true), "accuracy": float(answers.right.mean())}


def _detectable(gain: float, pictures: int) -> str:
    if math.isnan(gain):
        return f"Too few of the {pictures} pictures tell the two apart for any gain to be shown with certainty."
    return f"These {pictures} pictures would have shown a gain of {gain:.4f} four times out of five."
