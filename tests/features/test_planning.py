import itertools
import math
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.errors import NetworkError
from beauty_mlflow.features.planning import Stage, Training, Workload, plan

GB = 10**9
PLENTY = 10**15
thorough = settings(max_examples=300)

# one picture costs 1 s in each frozen stage and 3 s in each that trains, whatever is done with it; reading is 1 s
STAGES = [
    Stage("stem", 40, 1, 1, 3),
    Stage("low", 20, 1, 1, 3),
    Stage("high", 10, 1, 1, 3),
    Stage("pooled", 1, 1, 1, 3),
]
HEAD_ONLY, ONE, ALL = Training("blocks=0", "pooled"), Training("blocks=1", "low"), Training("blocks=2", "stem")
WORK = Workload(train_pictures=10, val_pictures=0, epochs=10, views=2, read_seconds=1, head_seconds=0)


def begins(made):
    """Where each training begins, by its name."""
    return {choice.training.name: choice.boundary for choice in made.choices}


# --- by hand


def test_one_training_of_the_head_keeps_what_the_head_sees():
    """100 pictures at 5 s become a pass of 20 pictures at 5 s and nothing else."""
    made = plan(STAGES, [HEAD_ONLY], WORK, budget_bytes=PLENTY)
    assert made.store == ("pooled",)
    assert made.reuse == ()
    assert made.new_bytes == 20
    assert made.views == 2
    assert (made.extract_seconds, made.seconds, made.plain_seconds) == (100, 100, 500)
    assert made.choices[0].reason == ""


def test_what_trains_costs_the_same_with_the_cache():
    """Below ``low`` lie 3 s a picture with reading; above it 6 s train."""
    made = plan(STAGES, [ONE], WORK, budget_bytes=PLENTY)
    assert begins(made) == {"blocks=1": "low"}
    assert made.choices[0].plain_seconds == 100 * (3 + 6)
    assert made.choices[0].seconds == 100 * 6
    assert made.extract_seconds == 20 * 3


def test_validation_pictures_are_kept_once_and_go_through_the_rest_without_training():
    """5 of them: one version of each in the cache, 10 times 2 s above ``low``."""
    made = plan(STAGES, [ONE], replace(WORK, val_pictures=5), budget_bytes=PLENTY)
    assert made.new_bytes == (20 + 5) * 20
    assert made.extract_seconds == 25 * 3
    assert made.choices[0].seconds == 600 + 50 * 2
    assert made.choices[0].plain_seconds == 900 + 50 * 5


def test_the_pass_is_shared_and_reaches_the_topmost():
    """A sweep over all depths keeps all three limits, in a pass of 5 s a picture; ``high`` is nobody's limit."""
    made = plan(STAGES, [HEAD_ONLY, ONE, ALL], WORK, budget_bytes=PLENTY)
    assert made.store == ("stem", "low", "pooled")
    assert made.new_bytes == 20 * 61
    assert made.extract_seconds == 20 * 5
    assert made.seconds == 100 + 0 + 600 + 900


def test_with_less_disk_a_training_begins_lower_where_rows_are_smaller():
    """Rows of ``high`` are the largest here: a training that could begin there takes ``low`` and says why."""
    stages = [STAGES[0], STAGES[1], replace(STAGES[2], row_bytes=100), STAGES[3]]
    training = Training("probe", "high")
    made = plan(stages, [training], WORK, budget_bytes=1999)
    assert begins(made) == {"probe": "low"}
    assert made.choices[0].line == "probe: from low (high needs 2 kB, the budget leaves 1.6 kB beside low)."
    assert begins(plan(stages, [training], WORK, budget_bytes=2000)) == {"probe": "high"}


def test_equally_quick_plans_take_the_smaller_one():
    """A stage that takes no time isn't worth rows of its own above it."""
    stages = [STAGES[0], STAGES[1], Stage("high", 30, 0, 0, 3), STAGES[3]]
    made = plan(stages, [Training("probe", "high")], WORK, budget_bytes=PLENTY)
    assert made.store == ("low",)


# --- what is kept in any case


def test_a_required_boundary_is_filled_though_nobody_saves_by_it():
    """One epoch would never pay for a pass; the plan says what that takes more."""
    made = plan(STAGES, [ONE], replace(WORK, epochs=1), budget_bytes=PLENTY, required=["pooled"])
    assert made.store == ("low", "pooled")
    assert made.new_bytes == 10 * 21
    assert made.extract_seconds == 10 * 5
    assert "That takes about 20 s more than the 90 s without it, the pass included." in made.lines()


def test_a_pass_that_is_made_anyway_costs_nothing_more():
    """Three stages of it are on the way to what is required, so that a boundary below costs its bytes alone."""
    short = replace(WORK, epochs=2)
    assert plan(STAGES, [ONE], short, budget_bytes=PLENTY).store == ()
    assert plan(STAGES, [ONE], short, budget_bytes=PLENTY, required=["pooled"]).store == ("low", "pooled")


def test_a_required_boundary_takes_its_room_first():
    """The budget holds ``low`` alone, or what is required and not ``low``."""
    assert plan(STAGES, [ONE], WORK, budget_bytes=400).store == ("low",)
    made = plan(STAGES, [ONE], WORK, budget_bytes=400, required=["pooled"])
    assert made.store == ("pooled",)
    assert "(low needs 400 B, the budget leaves 380 B beside pooled)" in made.choices[0].line


def test_a_required_boundary_that_is_stored_is_read():
    """Neither a pass nor room."""
    made = plan(STAGES, [ONE], replace(WORK, epochs=1), budget_bytes=0, stored=["pooled"], required=["pooled"])
    assert (made.store, made.reuse, made.new_bytes, made.extract_seconds) == ((), ("pooled",), 0, 0)


def test_rows_are_written_and_read_as_quickly_as_the_disk_is():
    """10 bytes a second: ``low`` takes 2 s a row to write, and 2 s to read instead of 3 s that it saves."""
    made = plan(STAGES, [replace(ONE, times=9)], replace(WORK, disk_bytes_a_second=10), budget_bytes=PLENTY)
    assert begins(made) == {"blocks=1": "low"}
    assert made.extract_seconds == 20 * (3 + 2)
    assert made.choices[0].seconds == 100 * (6 + 2)
    slower = replace(WORK, disk_bytes_a_second=5)
    assert begins(plan(STAGES, [replace(ONE, times=9)], slower, budget_bytes=PLENTY)) == {"blocks=1": None}


# --- what is there already


def test_a_stored_boundary_is_read_without_a_pass_or_a_budget():
    """It costs neither bytes nor seconds."""
    made = plan(STAGES, [HEAD_ONLY], WORK, budget_bytes=0, stored=["pooled"])
    assert made.store == ()
    assert made.reuse == ("pooled",)
    assert (made.new_bytes, made.extract_seconds, made.seconds) == (0, 0, 0)


def test_a_stored_boundary_leaves_the_budget_to_others():
    """Only what is new counts, and the pass ends at the topmost new boundary."""
    made = plan(STAGES, [HEAD_ONLY, ONE], WORK, budget_bytes=20 * 20, stored=["pooled"])
    assert begins(made) == {"blocks=0": "pooled", "blocks=1": "low"}
    assert (made.store, made.reuse, made.extract_seconds) == (("low",), ("pooled",), 60)


def test_a_stored_boundary_that_nobody_reads_is_not_named():
    """``stem`` lies lower than what is filled; both are below the limit."""
    made = plan(STAGES, [HEAD_ONLY], WORK, budget_bytes=PLENTY, stored=["stem"])
    assert (made.store, made.reuse) == (("pooled",), ())


def test_a_pass_that_gains_little_over_what_is_stored_is_not_made():
    """From ``high`` a training of the head takes 100 s; a pass for ``pooled`` takes that, too."""
    made = plan(STAGES, [HEAD_ONLY], WORK, budget_bytes=PLENTY, stored=["high"])
    assert (made.store, made.reuse, made.seconds) == ((), ("high",), 100)
    assert made.choices[0].line == "blocks=0: from high (pooled would save 100 s and cost a pass 100 s longer)."


# --- when not


def test_a_deep_training_gains_too_little():
    """All but one fiftieth of its time is spent above its limit."""
    stages = [STAGES[0], *(replace(stage, train_seconds=32) for stage in STAGES[1:])]
    made = plan(stages, [ALL], WORK, budget_bytes=PLENTY)
    assert begins(made) == {"blocks=2": None}
    assert made.lines() == [
        "The activation cache isn't used.",
        "blocks=2: without the cache (the cache would save 2 %).",
    ]


@pytest.mark.parametrize(("train_seconds", "boundary"), [(38, "stem"), (39, None)])
def test_the_least_gain_is_a_twentieth(train_seconds, boundary):
    """A picture takes 40 s or 41 s, and 2 s less from the rows on disk."""
    stages = [STAGES[0], Stage("pooled", 1, 0, 0, train_seconds)]
    made = plan(stages, [Training("blocks=1", "stem")], WORK, budget_bytes=PLENTY, stored=["stem"])
    assert begins(made) == {"blocks=1": boundary}


@pytest.mark.parametrize(("epochs", "boundary"), [(1, None), (2, None), (3, "pooled")])
def test_few_epochs_do_not_pay_for_the_pass(epochs, boundary):
    """Each epoch would see other views, so that there is nothing to read twice."""
    made = plan(STAGES, [HEAD_ONLY], replace(WORK, epochs=epochs), budget_bytes=PLENTY)
    assert begins(made) == {"blocks=0": boundary}
    assert made.views == min(2, epochs)


def test_many_trainings_pay_for_the_pass():
    """One epoch each, but a pass for all."""
    once = replace(WORK, epochs=1)
    made = plan(STAGES, [replace(HEAD_ONLY, times=2)], once, budget_bytes=PLENTY)
    assert begins(made) == {"blocks=0": "pooled"}
    assert (made.seconds, made.plain_seconds) == (50, 100)
    twice = plan(STAGES, [HEAD_ONLY, HEAD_ONLY], once, budget_bytes=PLENTY)
    assert (twice.store, twice.seconds) == (made.store, made.seconds)


def test_a_pass_that_costs_what_it_saves_is_not_made():
    """The training alone would gain, and the pass takes it all."""
    made = plan(STAGES, [HEAD_ONLY], replace(WORK, epochs=2), budget_bytes=PLENTY)
    assert (made.store, made.seconds) == ((), made.plain_seconds)
    assert made.choices[0].line == (
        "blocks=0: without the cache (pooled would save 100 s and cost a pass 100 s longer)."
    )


def test_a_training_with_no_boundary_below_says_so():
    """A network that has no stem, with all its blocks trained."""
    made = plan(STAGES, [Training("blocks=4", "")], WORK, budget_bytes=PLENTY, stored=["stem"])
    assert made.choices[0].line == "blocks=4: without the cache (nothing lies below what it trains)."


@pytest.mark.parametrize("budget", [-5, 0, 19])
def test_no_room_is_said(budget):
    """Below 20 bytes not even what the head sees can be kept."""
    made = plan(STAGES, [HEAD_ONLY], WORK, budget_bytes=budget)
    assert made.store == ()
    assert made.choices[0].line == (
        f"blocks=0: without the cache (pooled needs 20 B, the budget leaves {max(0, budget)} B)."
    )


def test_nothing_to_train_is_an_empty_plan():
    """No trainings, no cache."""
    made = plan(STAGES, [], WORK, budget_bytes=PLENTY)
    assert (made.store, made.choices, made.seconds) == ((), (), 0)


@pytest.mark.parametrize(
    ("limit", "stored"), [("pool", []), ("pooled", ["pool"])], ids=["a limit", "a stored boundary"]
)
def test_an_unknown_boundary_is_named(limit, stored):
    """With those that exist and the nearest of them."""
    with pytest.raises(NetworkError, match=r"no boundary 'pool': expected one of stem, .*Did you mean 'pooled'\?"):
        plan(STAGES, [Training("blocks=0", limit)], WORK, budget_bytes=1, stored=stored)


# --- against a slow, obvious reference

NAMES = [*"abcdef"]
whole = st.integers(0, 6)  # whole seconds, so that no sum is rounded
stage_lists = st.integers(1, len(NAMES)).flatmap(
    lambda count: st.tuples(
        *(st.builds(Stage, st.just(name), st.integers(1, 9), *[whole] * 3) for name in NAMES[:count])
    )
)
workloads = st.builds(
    Workload, st.integers(1, 4), st.integers(0, 2), st.integers(1, 8), st.integers(1, 5), whole, whole
)


@st.composite
def problems(draw):
    stages = draw(stage_lists)
    names = [stage.boundary for stage in stages]
    limits = draw(st.lists(st.sampled_from(["", *names]), max_size=4))
    trainings = [Training(f"{number}", limit, draw(st.integers(1, 3))) for number, limit in enumerate(limits)]
    stored = draw(st.sets(st.sampled_from(names)))
    return stages, trainings, draw(workloads), stored, draw(st.integers(0, 600))


def slow_training(stages, work, limit, start):
    """The seconds of one training, counted stage by stage."""
    names = [stage.boundary for stage in stages]
    first = names.index(start) + 1 if start else 0
    trained = names.index(limit) + 1 if limit else 0
    a_train, a_val = work.head_seconds, 0
    for number in range(first, len(stages)):
        a_train += stages[number].train_seconds if number >= trained else stages[number].forward_seconds
        a_val += stages[number].forward_seconds
    if not start:
        a_train += work.read_seconds
        a_val += work.read_seconds
    return work.epochs * (work.train_pictures * a_train + work.val_pictures * a_val)


def slow_start(stages, work, limit, kept):
    """The topmost boundary kept up to the limit, if it saves a twentieth."""
    names = [stage.boundary for stage in stages]
    below = [name for name in names[: names.index(limit) + 1] if name in kept] if limit else []
    plain = slow_training(stages, work, limit, "")
    if below and plain and (plain - slow_training(stages, work, limit, below[-1])) / plain >= 0.05:
        return below[-1]
    return ""


def slow_total(stages, work, trainings, stored, new):
    """Seconds in all with the pass, bytes, and whether what is new is worth its pass."""
    rows = min(work.views, work.epochs) * work.train_pictures + work.val_pictures
    names = [stage.boundary for stage in stages]
    top = max((names.index(name) + 1 for name in new), default=0)
    total = rows * (work.read_seconds + sum(stage.extract_seconds for stage in stages[:top])) if new else 0
    before = profiting = 0
    for one in trainings:
        old, now = (
            one.times * slow_training(stages, work, one.limit, slow_start(stages, work, one.limit, kept))
            for kept in (stored, {*stored, *new})
        )
        before, total = before + old, total + now
        profiting += old if now < old else 0
    size = rows * sum(stage.row_bytes for stage in stages if stage.boundary in new)
    return total, size, not new or before - total >= 0.05 * profiting


def slow_best(stages, trainings, work, stored, budget):
    free = [stage.boundary for stage in stages if stage.boundary not in stored]
    sets = itertools.chain.from_iterable(itertools.combinations(free, count) for count in range(len(free) + 1))
    totals = [slow_total(stages, work, trainings, stored, new) for new in sets]
    return min((total, size) for total, size, worth in totals if worth and size <= budget)


@thorough
@given(problems())
def test_no_set_of_boundaries_is_quicker_nor_as_quick_and_smaller(problem):
    """Compared with every set, each counted stage by stage."""
    stages, trainings, work, stored, budget = problem
    made = plan(stages, trainings, work, budget_bytes=budget, stored=stored)
    assert (made.seconds, made.new_bytes) == slow_best(*problem)
    assert (made.seconds, made.new_bytes) == slow_total(stages, work, trainings, stored, set(made.store))[:2]
    for choice in made.choices:
        start = slow_start(stages, work, choice.training.limit, {*stored, *made.store})
        assert choice.boundary == (start or None)
        assert choice.seconds == slow_training(stages, work, choice.training.limit, start)
        assert choice.plain_seconds == slow_training(stages, work, choice.training.limit, "")


@thorough
@given(problems())
def test_the_plan_keeps_its_promises(problem):
    """It fits, names what is read and nothing else, gives a reason wherever one is due, and never loses time."""
    stages, trainings, work, stored, budget = problem
    made = plan(stages, trainings, work, budget_bytes=budget, stored=stored)
    assert made.new_bytes <= budget
    assert made.seconds <= made.plain_seconds
    assert {*made.store, *made.reuse} == set(begins(made).values()) - {None}
    assert set(made.reuse) <= stored
    assert not stored & {*made.store}
    assert [choice.training for choice in made.choices] == trainings
    for choice in made.choices:
        assert bool(choice.reason) == (choice.boundary != (choice.training.limit or None) or not choice.training.limit)
        assert not choice.reason or choice.line in made.lines()


@thorough
@given(problems(), st.integers(0, 600))
def test_more_disk_is_never_slower(problem, more):
    """Whatever else there is."""
    stages, trainings, work, stored, budget = problem
    little = plan(stages, trainings, work, budget_bytes=budget, stored=stored)
    much = plan(stages, trainings, work, budget_bytes=budget + more, stored=stored)
    assert much.seconds <= little.seconds


# --- as large as the thesis

BLOCKS = [f"mixed{number}" for number in range(11)]
SIDES = {"stem": (35, 192), "mixed0": (35, 256), "mixed1": (35, 288), "mixed2": (35, 288), "mixed8": (8, 1280)}
SIDES |= {f"mixed{number}": (17, 768) for number in range(3, 8)}
SIDES |= {"mixed9": (8, 2048), "mixed10": (8, 2048), "pooled": (1, 2048)}
WORK_SHARES = dict(  # million multiplications of each stage of InceptionV3, 299 x 299
    zip(["stem", *BLOCKS, "pooled"], [1340, 312, 339, 348, 401, 374, 488, 488, 618, 291, 322, 388, 0.1], strict=True)
)
FORWARD, FOLDED = 1 / 30, 1 / 39  # seconds a picture through all of it, on two cores
TAIL_SPEEDS = {0: 5626, 1: 151, 2: 84, 3: 57, 4: 30, 6: 21, 9: 13}  # pictures/s trained above each depth's boundary
THESIS = Workload(58_304, 7_288, epochs=10, views=4, read_seconds=1 / 402 + 1 / 662, head_seconds=1 / 5626)
SWEEP = [Training(f"blocks={depth}", BLOCKS[10 - depth] if depth else "pooled") for depth in range(10)]


def inception_stages():
    """The stages with the speeds measured; where several blocks were measured together they share alike."""
    train = {"pooled": 0.0} | {name: 4 * FORWARD * WORK_SHARES[name] / 5709 for name in ("stem", "mixed0", "mixed1")}
    for upper, lower in itertools.pairwise(TAIL_SPEEDS):
        each = (1 / TAIL_SPEEDS[lower] - 1 / TAIL_SPEEDS[upper]) / (lower - upper)
        train |= {BLOCKS[10 - depth]: each for depth in range(upper, lower)}
    return [
        Stage(name, side * side * channels * 2, FOLDED * share / 5709, FORWARD * share / 5709, train[name])
        for name, share in WORK_SHARES.items()
        for side, channels in [SIDES[name]]
    ]


@pytest.mark.parametrize("gib", [50, 250])
def test_the_thesis_sweep_is_planned_sensibly(gib):
    """It fits and is quicker; the shallowest depths read activations near their limits, others something if it pays.

    Deep ones that read nothing, or something lower than they could, say why.
    """
    stages = inception_stages()
    made = plan(stages, SWEEP, THESIS, budget_bytes=gib * 2**30)
    assert made.new_bytes <= gib * 2**30
    assert "pooled" in made.store
    assert made.views == 4
    starts = begins(made)
    assert starts["blocks=0"] == "pooled"
    assert all(starts[f"blocks={depth}"] in {"mixed8", "mixed9"} for depth in (1, 2))
    assert made.seconds < 0.9 * made.plain_seconds
    for choice in made.choices:
        gain = 1 - choice.seconds / choice.plain_seconds
        assert gain >= 0.05 if choice.boundary else math.isclose(gain, 0)
        assert choice.boundary == choice.training.limit or choice.line in made.lines()


def test_the_thesis_sweep_gains_by_more_disk():
    """With 250 GiB more boundaries are kept than with 50, and less time is needed."""
    little, much = (plan(inception_stages(), SWEEP, THESIS, budget_bytes=gib * 2**30) for gib in (50, 250))
    assert len(much.store) > len(little.store)
    assert much.seconds < little.seconds


def test_the_thesis_sweep_in_words():
    """What 50 GB are enough for, and for each deep training what it lacks."""
    lines = plan(inception_stages(), SWEEP, THESIS, budget_bytes=50 * GB).lines()
    assert lines[0] == (
        "The activation cache gets mixed8 and pooled for 4 views of each picture: 40.4 GB, "
        "filled in one pass of about 119 min."
    )
    assert lines[1].startswith("That saves about ")
    assert lines[2] == "blocks=1: from mixed8 (mixed9 needs 63 GB, the budget leaves 9.61 GB beside mixed8 and pooled)."
    assert len(lines) == 2 + 9 - 1


def test_a_large_network_is_planned_at_once():
    """18 boundaries and 18 trainings in less than 0.3 seconds of processor time."""
    stages = [Stage(f"{number}", 1000 + 37 * number % 11, 0.01, 0.013, 0.04) for number in range(18)]
    trainings = [Training(f"{number}", f"{number}") for number in range(18)]
    seconds = []
    for _ in range(3):
        began = time.process_time()
        plan(stages, trainings, THESIS, budget_bytes=100 * GB)
        seconds.append(time.process_time() - began)
    assert min(seconds) < 0.3


def test_of_very_many_boundaries_those_with_large_rows_are_left_out():
    """Thirty boundaries: every set of the twenty smallest is looked at."""
    stages = [Stage(f"{number}", 100 - number, 1, 1, 3) for number in range(30)]
    trainings = [Training(f"{number}", f"{number}") for number in range(30)]
    made = plan(stages, trainings, WORK, budget_bytes=PLENTY)
    assert made.store == tuple(f"{number}" for number in range(10, 30))
    assert all(choice.line in made.lines() for choice in made.choices[:10])
