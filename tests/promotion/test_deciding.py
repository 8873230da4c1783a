import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.errors import DataError
from beauty_mlflow.promotion.answers import Answers
from beauty_mlflow.promotion.checks import Candidate
from beauty_mlflow.promotion.deciding import decide
from beauty_mlflow.promotion.gate import Gate

COUNTS = {"cream": 100, "soap": 100, "lotion": 100}
GATE = Gate()
PLAIN = Candidate()


def failed(decision):
    return [check.name for check in decision.checks if not check.passed]


def test_the_first_needs_the_minimum_only(answers):
    """Better than always guessing the largest class, by the interval's lower end."""
    good = decide(answers(COUNTS, 0.5), None, GATE, PLAIN)
    assert (good.verdict, good.passed, failed(good)) == ("first", True, [])
    assert failed(decide(answers(COUNTS, 0.36), None, GATE, PLAIN)) == ["minimum_accuracy"]


def test_a_better_one_passes_and_says_by_how_much(answers):
    found = decide(answers(COUNTS, 0.8), answers(COUNTS, 0.6), GATE, PLAIN)
    assert (found.verdict, found.passed) == ("better", True)
    assert found.figures["gain"] == pytest.approx(0.2)
    assert (found.figures["gained"], found.figures["lost"]) == (60, 0)
    assert found.figures["p_value"] < 1e-9
    assert 0 < found.figures["detectable_gain"] < 0.1
    assert "would have shown a gain of" in found.notes[-1]


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (0.7, 0.7, "equal within noise"),
        (0.7, 0.71, "equal within noise"),
        (0.7, 0.69, "worse within noise"),
        (0.7, 0.5, "worse"),
    ],
)
def test_ties_and_losses_keep_the_champion(answers, before, after, verdict):
    found = decide(answers(COUNTS, after), answers(COUNTS, before), GATE, PLAIN)
    assert found.verdict == verdict
    assert "minimum_gain" in failed(found)


def test_a_gain_can_be_no_chance_and_too_small(answers):
    gate = Gate(minimum_gain=0.25)
    found = decide(answers(COUNTS, 0.8), answers(COUNTS, 0.6), gate, PLAIN)
    assert (found.verdict, failed(found)) == ("better", ["minimum_gain"])


def test_no_class_may_pay_for_the_others(answers):
    """Two classes gain a lot, the third loses more than allowed, surely: the class is named."""
    before = answers(COUNTS, 0.6)
    after = answers(COUNTS, {"cream": 1.0, "soap": 1.0, "lotion": 0.4})
    found = decide(after, before, GATE, PLAIN)
    assert (found.verdict, failed(found)) == ("better", ["recall_loss"])
    assert "lotion lost 0.2000" in next(check.sentence for check in found.checks if check.name == "recall_loss")
    assert decide(after, before, Gate(recall_loss=0.2), PLAIN).passed


def test_a_group_may_lose_what_no_class_surely_does(answers):
    """Ten small classes lose one picture in ten each: chance for each of them, none for their group."""
    small = {f"small {number}": 10 for number in range(10)}
    counts = {"large": 300, **small}
    before, after = answers(counts, {"large": 0.5, **dict.fromkeys(small, 1.0)}), answers(counts, 0.9)
    assert "recall_loss" not in failed(decide(after, before, GATE, PLAIN))
    found = decide(after, before, GATE, PLAIN, groups=dict.fromkeys(small, "smalls"))
    assert "group smalls lost 0.1000" in next(one.sentence for one in found.checks if one.name == "recall_loss")
    assert failed(found) == ["recall_loss"]


def test_macro_f1_may_fall_where_accuracy_rises(answers):
    """A large class gains, many tiny ones are lost: accuracy is no excuse."""
    tiny = {f"tiny {number}": 2 for number in range(20)}
    counts = {"large": 400, **tiny}
    before, after = (
        answers(counts, {"large": 0.5, **dict.fromkeys(tiny, 1.0)}),
        answers(counts, {"large": 0.9, **dict.fromkeys(tiny, 0.5)}),
    )
    found = decide(after, before, Gate(recall_loss=1, minimum_accuracy=0.5), PLAIN)
    assert (found.verdict, failed(found)) == ("better", ["macro_f1_change"])


def test_size_speed_and_origin_count_where_the_gate_asks(answers):
    good = answers(COUNTS, 0.9)
    gate = Gate(largest_megabytes=50, slowest_milliseconds=20)
    heavy = Candidate(megabytes=51, milliseconds=21, has_manifest=False)
    assert failed(decide(good, None, gate, heavy)) == ["largest_megabytes", "slowest_milliseconds", "require_manifest"]
    assert decide(good, None, gate, Candidate(50, 20)).passed
    assert not decide(good, None, gate, Candidate(math.nan, 20)).passed  # unknown isn't good enough
    assert decide(good, None, Gate(require_manifest=False), heavy).passed


def test_shared_classes_decide_where_the_gate_allows_others(answers):
    """What is new and what is gone is named, their pictures are left out and counted."""
    counts = {**COUNTS, "comb": 40}
    candidate, champion = answers(counts, 0.8), answers(counts, 0.6, classes=("cream", "soap", "lotion", "brush"))
    refused = decide(candidate, champion, GATE, PLAIN)
    assert failed(refused) == ["class_changes"]
    allowed = decide(candidate, champion, Gate(class_changes=True), PLAIN)
    assert allowed.passed
    assert allowed.figures["pictures"] == 300
    assert allowed.notes[:3] == (
        "Classes that are new: comb.",
        "Classes that are gone: brush.",
        "40 pictures of classes that aren't shared were left out.",
    )


def test_what_cant_be_compared_is_an_error(answers):
    few, other = answers({"cream": 10, "soap": 10}, 0.5), answers({"comb": 20}, 1.0)
    with pytest.raises(DataError, match="20 pictures are too few to tell anything: the gate's minimum_pictures is 30"):
        decide(few, None, GATE, PLAIN)
    with pytest.raises(DataError, match="asked about different pictures"):
        decide(few, other, GATE, PLAIN)
    with pytest.raises(DataError, match="share no class"):
        decide(few, replace(few, classes=("comb",)), GATE, PLAIN)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(30, 80))
def test_turning_the_two_round_turns_the_verdict_round(seed, count):
    """And never do both replace each other."""
    generator = np.random.default_rng(seed)
    true, one, other = (np.array(["a", "b", "c"])[generator.integers(0, 3, count)] for _ in range(3))
    first, second = (Answers(true, predicted, ("a", "b", "c")) for predicted in (one, other))
    there, back = decide(first, second, GATE, PLAIN), decide(second, first, GATE, PLAIN)
    assert there.figures["gain"] == -back.figures["gain"]
    assert there.figures["p_value"] == back.figures["p_value"]
    assert not (there.passed and back.passed)
    assert (there.verdict == "better") == (back.verdict == "worse")


def test_a_worn_out_test_part_is_warned_about(answers):
    """Each use is counted; luck's share says when it is enough."""
    good = answers(COUNTS, 0.9)
    assert not decide(good, None, GATE, PLAIN).notes
    once = decide(good, None, GATE, PLAIN, uses=1)
    assert once.notes == ("This test part has decided 1 promotion before.",)
    assert len(decide(good, None, GATE, PLAIN, uses=10).notes) == 1
    worn = decide(good, answers(COUNTS, 0.8), GATE, PLAIN, uses=11)
    assert "decided 11 promotions before" in worn.notes[0]
    assert "passes by luck with a probability of up to 0.26" in worn.notes[1]


def test_the_first_is_measured_on_the_classes_that_it_knows(answers):
    """What it can't know is left out and counted; with nothing left it is no candidate."""
    some = answers({**COUNTS, "comb": 40}, 0.9, classes=tuple(COUNTS))
    found = decide(some, None, GATE, PLAIN)
    assert found.figures["pictures"] == 300
    assert found.notes == ("40 pictures of classes that the model doesn't know were left out.",)
    with pytest.raises(DataError, match="knows none of the pictures' classes"):
        decide(answers(COUNTS, 0.9, classes=("comb", "brush")), None, GATE, PLAIN)
