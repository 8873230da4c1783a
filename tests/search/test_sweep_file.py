import json
import tomllib

import optuna
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from beauty_mlflow.errors import SweepError
from beauty_mlflow.search.dimensions import Dimension
from beauty_mlflow.search.space import draw
from beauty_mlflow.search.sweep_file import Objective, Strategy, Sweep, read_sweep

BLOCKS = """
[space.blocks]
type = "int"
low = 0
high = 9
"""
RATE = """
[space.rate]
type = "float"
low = 1e-5
high = 1e-2
"""
WHOLE = """
job = "train"
description = "All that there is."
trials = 12
timeout = 3600
seed = 4
confirm = 2
confirm_seeds = 5
retries = 1
objective = "best_val_loss"
sampler = { name = "tpe", arguments = { n_startup_trials = 3 } }
pruner = "hyperband"

[parameters]
network = "simplenet"
epochs = 5
label_smoothing = 0.1
class_weight = true

[space.optimizer]
type = "choice"
values = ["adam", "sgd"]
description = "Which."

[space.momentum_rate]
type = "float"
parameter = "learning_rate"
low = 1e-3
high = 1.0
log = true
when = { optimizer = ["sgd"] }

[space.batch_size]
type = "int"
low = 16
high = 64
step = 16

[[start]]
optimizer = "sgd"
batch_size = 32
"""


def read(folder, text):
    path = folder / "a.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_sweep(path)


def test_a_file_says_everything(tmp_path):
    sweep = read(tmp_path, WHOLE)
    assert (sweep.job, sweep.description) == ("train", "All that there is.")
    assert (sweep.trials, sweep.timeout, sweep.seed) == (12, 3600, 4)
    assert (sweep.confirm, sweep.confirm_seeds, sweep.retries) == (2, 5, 1)
    assert sweep.objectives == (Objective(metric="best_val_loss", direction="minimize"),)
    assert sweep.sampler == Strategy(name="tpe", arguments={"n_startup_trials": 3})
    assert sweep.pruner == Strategy(name="hyperband")
    told = {"network": "simplenet", "epochs": 5, "label_smoothing": 0.1, "class_weight": True}
    assert sweep.parameters == {"recipe": "fast", **told}
    assert type(sweep.parameters["class_weight"]) is bool
    assert list(sweep.space) == ["optimizer", "momentum_rate", "batch_size"]
    assert sweep.start == ({"optimizer": "sgd", "batch_size": 32},)


def test_a_file_need_only_say_what_is_searched(tmp_path):
    sweep = read(tmp_path, BLOCKS)
    assert sweep.metrics == ("best_val_accuracy",)
    assert sweep.directions == ("maximize",)
    assert (sweep.sampler.name, sweep.pruner.name) == ("tpe", "successive_halving")
    assert (sweep.job, sweep.trials, sweep.confirm, sweep.retries) == ("finetune", 30, 3, 2)
    assert sweep.parameters == {"recipe": "fast"}


@pytest.mark.parametrize(
    ("told", "parameters"),
    [
        ('[parameters]\nrecipe = "thesis"', {"recipe": "thesis"}),
        ('[space.recipe]\ntype = "choice"\nvalues = ["thesis", "fast"]', {}),
        ('[space.how]\nparameter = "recipe"\ntype = "choice"\nvalues = ["thesis", "fast"]', {}),
    ],
)
def test_a_recipe_that_is_named_or_searched_stays_as_it_is(tmp_path, told, parameters):
    assert read(tmp_path, f"{BLOCKS}\n{told}\n").parameters == parameters


@pytest.mark.parametrize(
    ("metric", "direction"),
    [
        ("best_val_accuracy", "maximize"),
        ("best_val_loss", "minimize"),
        ("seconds", "minimize"),
        ("parameters_trainable", "minimize"),
        ("images_per_second", "maximize"),
    ],
)
def test_an_objective_s_name_tells_its_direction(tmp_path, metric, direction):
    assert read(tmp_path, f'objective = "{metric}"\n{BLOCKS}').directions == (direction,)


def test_what_to_start_with_need_not_give_what_a_condition_asks_for(tmp_path):
    sweep = read(tmp_path, f"{BLOCKS}{RATE}when = {{ blocks = [1] }}\n[[start]]\nrate = 1e-3")
    assert sweep.start == ({"rate": 1e-3},)


def test_objectives_as_tables(tmp_path):
    one = '[objective]\nmetric = "val_loss"\ndirection = "maximize"\n'
    assert read(tmp_path, one + BLOCKS).objectives == (Objective(metric="val_loss", direction="maximize"),)
    sweep = read(tmp_path, TWO + BLOCKS)
    assert (sweep.metrics, sweep.directions) == (("a", "b"), ("maximize", "minimize"))


CHOICE = '[space.kind]\ntype = "choice"\n'
INT = '[space.depth]\ntype = "int"\n'
FLOAT = '[space.rate]\ntype = "float"\n'
TWO = """
pruner = "none"
[[objective]]
metric = "a"
direction = "maximize"
[[objective]]
metric = "b"
direction = "minimize"
"""
SAME = '[space.one]\ntype = "int"\nlow = 1\nhigh = 2\nparameter = "blocks"\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # unknown and missing keys
        (f"trails = 3\n{BLOCKS}", "unknown key trails. Did you mean 'trials'?"),
        (f"objectives = 3\n{BLOCKS}", "unknown key objectives. Did you mean 'objective'?"),
        (f"{BLOCKS}stepp = 2", "unknown key space.blocks.stepp. Did you mean 'step'?"),
        (
            f"{BLOCKS}[space.rate]\ntype='int'\nlow=1\nhigh=2\nwhen = {{ blocks = {{ mim = 1 }} }}",
            "unknown key space.rate.when.blocks.mim. Did you mean 'min'?",
        ),
        (
            f"sampler = {{ nam = 'tpe' }}\n{BLOCKS}",
            "sampler.name is missing; unknown key sampler.nam. Did you mean 'name'?",
        ),
        (
            f"objective = [{{ metric = 'a', directoin = 'maximize' }}]\n{BLOCKS}",
            "objective.0.direction is missing; unknown key objective.0.directoin. Did you mean 'direction'?",
        ),
        ("trials = 3", "space is missing."),
        ("[space]", "space is empty; expected at least one table such as [space.blocks]."),
        ("[space.blocks]\nlow = 1\nhigh = 2", "space.blocks.type is missing."),
        # values of another kind, or outside
        (f"trials = 0\n{BLOCKS}", "trials: expected greater than or equal to 1, got 0."),
        (f"trials = true\n{BLOCKS}", "trials: expected a valid integer, got True."),
        (f"trials = '3'\n{BLOCKS}", "trials: expected a valid integer, got '3'."),
        (f"timeout = nan\n{BLOCKS}", "timeout: expected a finite number, got nan."),
        (f"seed = -1\n{BLOCKS}", "seed: expected greater than or equal to 0, got -1."),
        (f"job = 'tune'\n{BLOCKS}", "job: expected 'finetune' or 'train', got 'tune'."),
        (f"objective = 3\n{BLOCKS}", "objective: expected a list, got 3."),
        (
            f"objective = []\n{BLOCKS}",
            "objective is empty; expected the name of a figure, or tables with metric and direction.",
        ),
        (f"objective = ''\n{BLOCKS}", "objective.0.metric: string should have at least 1 character, got ''."),
        (
            f"objective = [{{ metric = 'a', direction = 'up' }}]\n{BLOCKS}",
            "objective.0.direction: expected 'maximize' or 'minimize', got 'up'.",
        ),
        (f"{TWO}{BLOCKS}".replace('"b"', '"a"'), "expected different objectives, got a, a."),
        ("space = 3", "space: expected a table, got 3."),
        ("space.blocks = 3", "space.blocks: expected a table, got 3."),
        (f"{BLOCKS}[start]\nblocks = 3", "start: expected a list, got {'blocks': 3}."),
        (
            f"{BLOCKS}[parameters]\nepochs = [1, 2]",
            "parameters.epochs: expected true, false, a finite number or text, got [1, 2].",
        ),
        (
            f"{BLOCKS}[parameters]\nepochs = inf",
            "parameters.epochs: expected true, false, a finite number or text, got inf.",
        ),
        (
            f"{BLOCKS}[parameters]\nepochs = 2018-01-01",
            "parameters.epochs: expected true, false, a finite number or text, got datetime.date(2018, 1, 1).",
        ),
        (f"{INT}low = 1\nhigh = 2\nparameter = []", "space.depth.parameter: expected a valid string, got []."),
        (f"{INT}low = '1'\nhigh = 2", "space.depth.low: expected a valid number, got '1'."),
        (f"{INT}low = 1\nhigh = {'1' * 400}", f"space.depth.high: expected a valid number, got {'1' * 80}…."),
        (
            "[space.depth]\ntype = 'whole'\nlow = 1\nhigh = 2",
            "space.depth.type: expected 'int', 'float' or 'choice', got 'whole'.",
        ),
        (
            "[space.'a b']\ntype = 'int'\nlow = 1\nhigh = 2",
            "space has 'a b'; expected a name of letters, digits and _.",
        ),
        # ranges
        (f"{INT}low = 2\nhigh = 1", "space.depth: the range is empty: expected low <= high, got 2 and 1."),
        (f"{INT}high = 1", "space.depth: int needs low and high."),
        (f"{INT}low = 0.5\nhigh = 2", "space.depth: expected whole numbers for int, got low 0.5, high 2, step 1."),
        (f"{INT}low = 0\nhigh = 1e300", "space.depth: expected whole numbers for int, got low 0, high 1e+300, step 1."),
        (
            f"{INT}low = 1\nhigh = 10\nstep = 2",
            "space.depth: expected high to be reached from low in whole steps, got low 1, high 10, step 2.",
        ),
        (f"{INT}low = 1\nhigh = 2\nstep = 0", "space.depth.step: expected greater than 0, got 0."),
        (
            f"{INT}low = 1\nhigh = 2\nvalues = [1]",
            "space.depth: values belong to a choice; expected low and high for int.",
        ),
        (f"{FLOAT}low = 0\nhigh = 1\nlog = true", "space.rate: log needs low above 0, got 0."),
        (f"{FLOAT}low = 1\nhigh = 2\nlog = true\nstep = 1", "space.rate: log and step exclude each other."),
        (f"{FLOAT}low = nan\nhigh = 1", "space.rate: expected finite numbers, got low nan and high 1."),
        (
            f"{FLOAT}low = -1.7e308\nhigh = 1.7e308",
            "space.rate: the range is too large, got low -1.7e+308, high 1.7e+308.",
        ),
        (f"{FLOAT}low = 0\nhigh = 1\nstep = 1e-30", "space.rate: the step is too small, got 1e-30 from 0 to 1."),
        # choices
        (CHOICE, "space.kind: a choice needs values: expected a list with one or more."),
        (f"{CHOICE}values = [1]\nlow = 1\nlog = true", "space.kind: a choice has values alone, got low, log."),
        (f"{CHOICE}values = [1, 1.0]", "space.kind: expected different values, got [1, 1.0]."),
        (f"{CHOICE}values = [[1]]", "space.kind.values.0: expected true, false, a finite number or text, got [1]."),
        # conditions
        (
            f"{BLOCKS}when = {{ block = [1] }}",
            "space.blocks.when names block, which isn't searched. Did you mean 'blocks'?",
        ),
        (f"{BLOCKS}when = {{ blocks = [1] }}", "the conditions of blocks go round in a circle."),
        (
            f"{BLOCKS}{RATE}when = {{ blocks = 3 }}",
            "space.rate.when.blocks: expected a list of values, or a table with min and max, got 3.",
        ),
        (
            f"{BLOCKS}{RATE}when = {{ blocks = [] }}",
            "space.rate.when.blocks is never fulfilled: expected a list with one or more values.",
        ),
        (f"{BLOCKS}{RATE}when = {{ blocks = [10] }}", "space.rate.when.blocks is 10; expected int from 0 to 9."),
        (
            f"{BLOCKS}{RATE}when = {{ blocks = {{ min = 9.5 }} }}",
            "space.rate.when.blocks is never fulfilled: no value lies between 9.5 and inf.",
        ),
        (
            f"{BLOCKS}{RATE}when = {{ blocks = {{ min = nan }} }}",
            "space.rate.when.blocks is never fulfilled: no value lies between nan and inf.",
        ),
        (
            f"{BLOCKS}{CHOICE}values = ['a', 'b']\n{RATE}when = {{ kind = {{ min = 1 }} }}",
            "space.rate.when.kind is never fulfilled: no value lies between 1 and inf.",
        ),
        (
            f"{BLOCKS}{CHOICE}values = ['adam', 'sgd']\n{RATE}when = {{ kind = ['sdg'] }}",
            "space.rate.when.kind is 'sdg'; expected adam, sgd. Did you mean 'sgd'?",
        ),
        # what doesn't fit together
        (f"{BLOCKS}[parameters]\nblocks = 3", "blocks is in [parameters] and in [space]; expected it in one of them."),
        (f"{SAME}[parameters]\nblocks = 3", "blocks is in [parameters] and in [space]; expected it in one of them."),
        (
            f"{BLOCKS}{SAME}",
            "space.blocks and space.one both give blocks; expected conditions (when) that exclude each other.",
        ),
        (f"{BLOCKS}[[start]]\nblock = 3", "start has block, which isn't searched. Did you mean 'blocks'?"),
        (f"{BLOCKS}[[start]]\nblocks = 10", "start.blocks is 10; expected int from 0 to 9."),
        (f"{BLOCKS}step = 3\n[[start]]\nblocks = 2", "start.blocks is 2; expected int from 0 to 9 in steps of 3."),
        (
            f"{BLOCKS}{RATE}when = {{ blocks = [1] }}\n[[start]]\nblocks = 2\nrate = 1e-3",
            "start has rate, which isn't searched where blocks is 2.",
        ),
        (
            f"{TWO.replace('none', 'median')}{BLOCKS}",
            'several objectives can\'t be pruned: Optuna compares one value an epoch; expected pruner = "none".',
        ),
        # samplers and pruners
        (
            f"sampler = 'grid'\n{BLOCKS}{RATE}",
            "space.rate is a float without steps, which no grid can go through; expected step or a choice.",
        ),
    ],
)
def test_a_problem_names_the_file_the_key_what_was_expected_and_what_came(tmp_path, text, problem):
    with pytest.raises(SweepError) as caught:
        read(tmp_path, text)
    assert str(caught.value) == f"{tmp_path / 'a.toml'}: {problem} docs/sweeps.md describes the keys."
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"trials = ", "is no TOML: "),
        (b"trials = 1\ntrials = 2", "is no TOML: "),
        (b"x = " + b"[" * 5000, "is no TOML: maximum recursion depth exceeded"),
        (b"x = " + b"1" * 5000, "is no TOML: Exceeds the limit"),
        (b"\xff\xfe", "isn't UTF-8 text; expected a TOML file."),
    ],
)
def test_what_is_no_toml_is_said_so(tmp_path, content, problem):
    with pytest.raises(SweepError, match=problem):
        read(tmp_path, content)


def test_a_file_that_is_not_there_or_can_not_be_read(tmp_path):
    with pytest.raises(SweepError, match=r"nowhere\.toml' doesn't exist; expected a TOML file such as"):
        read_sweep(tmp_path / "nowhere.toml")
    with pytest.raises(SweepError, match="can't be read: not a regular file"):
        read_sweep(tmp_path)


def sweep_or_error(folder, content):
    try:
        return read(folder, content)
    except SweepError as error:
        return error


fuzzing = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzzing
@given(content=st.binary(max_size=200))
def test_random_bytes_give_an_error_of_ours(tmp_path, content):
    assert isinstance(sweep_or_error(tmp_path, content), SweepError)


@fuzzing
@given(data=st.data())
def test_a_damaged_file_gives_an_error_of_ours_or_a_sweep(tmp_path, data):
    """Some bytes overwritten, left out or doubled."""
    content = bytearray(WHOLE.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        length = data.draw(st.integers(0, 8))
        content[place : place + length] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"0", b"-", b"nan", b"\n", b'"', b"[]", b"9" * 30])
        )
    assert isinstance(sweep_or_error(tmp_path, bytes(content)), SweepError | Sweep)


KEYS = st.sampled_from(
    [
        *(name for table in (Sweep, Dimension, Objective, Strategy) for name in table.model_fields),
        *("objective", "blocks", "rate", "kind", "n_startup_trials", "percentile", "lower", "min"),
    ]
)
VALUES = st.recursive(
    st.booleans()
    | st.integers(-3, 3)
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.dates()
    | st.sampled_from(["int", "float", "choice", "tpe", "grid", "none", "QMCSampler", "ThresholdPruner", "maximize"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(["blocks", "rate", "kind"])
WHEN = st.dictionaries(NAMES, st.lists(st.integers(0, 3), min_size=1, max_size=2) | st.just({"max": 2}), max_size=1)
DIMENSIONS = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["int", "float"]), "low": st.integers(-1, 2), "high": st.integers(2, 9)},
        optional={"step": st.integers(1, 2), "log": st.booleans(), "when": WHEN},
    ),
    st.fixed_dictionaries(
        {"type": st.just("float"), "low": st.floats(-2, 1), "high": st.floats(1) | st.floats()},
        optional={"step": st.floats(0), "log": st.booleans(), "when": WHEN},
    ),
    st.fixed_dictionaries(
        {"type": st.just("choice"), "values": st.lists(st.integers(0, 3) | st.text(max_size=2), max_size=3)},
        optional={"when": WHEN | VALUES},
    ),
    st.dictionaries(KEYS, VALUES, max_size=4),
)
STRATEGIES = (
    st.sampled_from(
        ["tpe", "random", "grid", "none", "hyperband", "NSGAIISampler", "PercentilePruner", "ThresholdPruner"]
    )
    | st.fixed_dictionaries({"name": st.sampled_from(["tpe", "median", "QMCSampler"]), "arguments": VALUES})
    | VALUES
)
STARTS = st.lists(st.dictionaries(NAMES, st.integers(0, 9)), max_size=2)


@settings(fuzzing, max_examples=200)
@given(
    content=st.fixed_dictionaries(
        {"space": st.dictionaries(NAMES, DIMENSIONS, max_size=2)},
        optional={
            "sampler": STRATEGIES,
            "pruner": STRATEGIES,
            "start": STARTS | VALUES,
            "objective": st.just("seconds") | VALUES,
            "trials": st.integers(),
        },
    )
    | st.dictionaries(KEYS, VALUES, max_size=5)
)
@example(content={"space": {"x": {"type": "int", "low": 0, "high": 2**53}}})
@example(content={"space": {"x": {"type": "float", "low": 5e-324, "high": 1e-323, "log": True}}})
def test_any_table_gives_an_error_of_ours_or_a_sweep_that_can_be_searched(tmp_path, content):
    found = sweep_or_error(tmp_path, as_toml(content))
    if isinstance(found, Sweep):
        draw(optuna.create_study().ask(), found.space)
        assert list(found.examples())
        json.dumps(found.identity())
    else:
        assert isinstance(found, SweepError)


def as_toml(content):
    """Write a table inline, which TOML allows everywhere but at the top."""
    lines = [f"{json.dumps(key)} = {_inline(value)}" for key, value in content.items()]
    text = "\n".join(lines)
    assert tomllib.loads(text).keys() == content.keys()
    return text


def _inline(value):
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + "".join(f"\\U{ord(letter):08x}" for letter in value) + '"'
        case list():
            return f"[{', '.join(map(_inline, value))}]"
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)} = {_inline(one)}" for key, one in value.items()) + "}"
    return str(value)


def test_examples_let_any_two_dimensions_meet_at_all_their_ends(tmp_path):
    """So the deepest unfreezing is tried with every network, not only with the first one."""
    sweep = read(
        tmp_path,
        f"""{BLOCKS}
        [parameters]
        epochs = 3
        [space.network]
        type = "choice"
        values = ["large", "small", "tiny"]
        [space.rate]
        type = "float"
        low = 0.0
        high = 1.0
        when = {{ blocks = {{ min = 4, max = 6 }}, network = ["small"] }}
        [space.decay]
        type = "float"
        low = 0.0
        high = 0.5
        when = {{ rate = {{ min = 0.5 }} }}
        """,
    )
    found = [dict(one) for one in sweep.examples()]
    assert all(one["epochs"] == 3 for one in found)
    pairs = {(one["network"], one["blocks"]) for one in found}
    assert {(network, blocks) for network in ("large", "small", "tiny") for blocks in (0, 9)} <= pairs
    assert {one["rate"] for one in found if "rate" in one} >= {0.0, 1.0}
    assert {one["decay"] for one in found if "decay" in one} == {0.0, 0.5}
    for one in found:
        assert ("rate" in one) == (one["network"] == "small" and 4 <= one["blocks"] <= 6)
        assert ("decay" in one) == ("rate" in one and one["rate"] >= 0.5)


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        ("low = 0", "low = 1", False),
        ("high = 9", "high = 9\nlog = false", True),
        ("high = 9", 'high = 9\ndescription = "How deep."', True),
        ("epochs = 3", "epochs = 4", False),
        ("trials = 3", "trials = 30", True),
        ("trials = 3", 'sampler = "random"', True),
        ("trials = 3", 'pruner = "none"', True),
        ("trials = 3", 'job = "train"', False),
        ("trials = 3", 'objective = "best_val_loss"', False),
        ("trials = 3", "seed = 1", True),
    ],
)
def test_what_makes_trials_comparable(tmp_path, before, now, same):
    """The space, what is fixed, the job and the objective; not how many trials there are, nor how values are chosen."""
    text = f"trials = 3\n{BLOCKS}\n[parameters]\nepochs = 3\n"
    assert before in text
    changed = read(tmp_path, text.replace(before, now)).identity()
    identity = read(tmp_path, text).identity()
    assert (changed == identity) is same
    assert json.loads(json.dumps(identity)) == identity
