import pytest
from hypothesis import given
from hypothesis import strategies as st

from beauty_mlflow.errors import BeautyError, NetworkError, ParameterError
from beauty_mlflow.jobs import JOBS, load_job
from beauty_mlflow.jobs.cache import Cache
from beauty_mlflow.jobs.evaluate import Evaluate
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.main import Main
from beauty_mlflow.jobs.parameters import Parameters
from beauty_mlflow.jobs.split import Split
from beauty_mlflow.jobs.train import Train

RUN = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize("name", JOBS)
def test_every_parameter_says_what_it_is(name):
    """Each parameter of each job has a help text, and each job a docstring for its command."""
    parameters = load_job(name).parameters
    assert parameters.__doc__
    assert all(field.description for field in parameters.model_fields.values())


@pytest.mark.parametrize(
    ("job", "names"),
    [
        ("main", "data network blocks epochs weights seed offline"),
        ("sample", "out classes images seed"),
        ("split", "data out strategy train val test duplicates group_by extend corrections seed materialize strict"),
        ("group", "data groups out model classes constraints groups_out"),
        (
            "finetune",
            (
                "data fraction network blocks unfreeze weights recipe epochs learning_rate schedule optimizer"
                " batch_size dropout dense_units patience image_size resize augment class_weight label_smoothing"
                " batch_norm precision cache cache_gb cache_depths cache_trainings views warm_head precision_target"
                " figures seed resume offline"
            ),
        ),
        (
            "train",
            (
                "data fraction network recipe epochs learning_rate schedule optimizer batch_size patience image_size"
                " resize augment class_weight label_smoothing precision cache cache_gb precision_target figures seed"
                " resume offline"
            ),
        ),
        ("evaluate", "model data part groups beside batch_size"),
        ("cache", "action kind gb"),
        ("sync", "run discard"),
        ("doctor", "fix silent_hours storage folder"),
    ],
)
def test_names_that_others_rely_on(job, names):
    """The jobs take exactly the documented parameters."""
    assert set(load_job(job).parameters.model_fields) == set(names.split())


def test_label_smoothing_is_a_share():
    """It takes auto or a number from 0 to below 1, and says so of anything else."""
    assert Finetune.parse({}).label_smoothing == "auto"
    assert Finetune.parse({"label_smoothing": "0"}).label_smoothing == 0
    for wrong in ("1", "-0.1", "nan", "much"):
        with pytest.raises(ParameterError, match="label_smoothing: expected auto or a number from 0 to below 1"):
            Finetune.parse({"label_smoothing": wrong})


def test_text_is_read_back():
    """What a run has logged as text gives the same parameters again."""
    parameters = Finetune.parse({"blocks": "3", "learning_rate": "1e-3", "label_smoothing": "0.1"})
    assert Finetune.parse(parameters.as_text()) == parameters


@pytest.mark.parametrize("job", [Finetune, Train, Main])
def test_defaults_are_written_as_they_are_read_back(job):
    """A resumed run's parameters are compared with its checkpoint's as text: 0 and 0.0 would be two runs."""
    text = job().as_text()
    assert job.parse(text).as_text() == text


@given(rate=st.floats(min_value=1e-12, max_value=10), seed=st.integers(0, 2**31 - 1))
def test_text_is_read_back_for_every_number(rate, seed):
    """No number loses a digit on its way through text."""
    parameters = Finetune(learning_rate=rate, seed=seed)
    assert Finetune.parse(parameters.as_text()) == parameters


@pytest.mark.parametrize(
    ("parameters", "values", "message"),
    [
        (Finetune, {"learning_rate": "0"}, "learning_rate: expected auto or a number above 0, got '0'"),
        (Finetune, {"learning_rate": "nan"}, "learning_rate: expected auto or a number above 0, got 'nan'"),
        (Finetune, {"learning_rate": "fast"}, "learning_rate: expected auto or a number above 0, got 'fast'"),
        (Finetune, {"optimizer": "rmspop"}, "optimizer: 'rmspop' is no optimizer. Did you mean 'rmsprop'?"),
        (Finetune, {"recipe": "thesys"}, "recipe: 'thesys' is no recipe. Did you mean 'thesis'?"),
        (
            Finetune,
            {"network": "inception"},
            "network: 'inception' is no network. Did you mean 'inception_v3'?",
        ),
        (Finetune, {"data": "nowhere"}, "data: 'nowhere' doesn't exist"),
        (Finetune, {"weights": "imagnet"}, "weights: 'imagnet' is no source of weights"),
        (Finetune, {"weights": "gone.keras"}, "weights: 'gone.keras' doesn't exist"),
        (Finetune, {"resume": "12"}, "resume: '12' is no run id"),
        (Finetune, {"blocks": "3", "unfreeze": "mixed3"}, "contradict each other"),
        (Finetune, {"image_size": "20"}, "image_size 20 is too small for inception_v3; expected 75 or more"),
        (Finetune, {"block": "6"}, "finetune has no parameter block. Did you mean 'blocks'?"),
        (Finetune, {"views": "0"}, "views: input should be greater than or equal to 1, got '0'"),
        (Finetune, {"cache": "all"}, "cache: input should be 'auto', 'activations', 'pictures' or 'none', got 'all'"),
        (Finetune, {"cache_gb": "-1"}, "cache_gb: input should be greater than or equal to 0, got '-1'"),
        (Finetune, {"cache_gb": "inf"}, "cache_gb: input should be a finite number, got 'inf'"),
        (Finetune, {"cache_depths": "0-x"}, "cache_depths: '0-x' names no depths; expected numbers and ranges such as"),
        (Finetune, {"cache_depths": "3-1"}, "cache_depths: '3-1' runs downwards; .* the smaller depth first, as 1-3"),
        (Finetune, {"schedule": "linear"}, "schedule: input should be 'auto', 'constant' or 'cosine', got 'linear'"),
        (
            Finetune,
            {"warm_head": "true"},
            "warm_head=true needs cache=activations; cache=auto with recipe=thesis isn't",
        ),
        (Finetune, {"warm_head": "true", "recipe": "fast", "cache": "none"}, "warm_head=true needs cache=activations"),
        (Train, {"cache": "activations"}, "cache: input should be 'auto', 'pictures' or 'none', got 'activations'"),
        (Finetune, {"epochs": "0"}, "epochs: input should be greater than or equal to 1, got '0'"),
        (Train, {"network": "mobilenet_v2"}, "no network to train from scratch"),
        (Evaluate, {}, "model is missing: A run id"),
        (Evaluate, {"model": "best"}, "model: 'best' names no model"),
        (Split, {"data": "", "train": "0.5"}, "train \\+ val \\+ test must sum to 1"),
        (Split, {"data": "", "strict": "yes"}, "strict: expected true or false, got 'yes'"),
        (Split, {"data": "", "out": "split.txt"}, "out: 'split.txt' is no name for a manifest"),
        (Split, {"data": "", "extend": "old.csv"}, "extend: 'old.csv' doesn't exist"),
        (Split, {"data": "", "corrections": "c.csv"}, "corrections: 'c.csv' doesn't exist"),
        (Main, {"network": "vgg"}, "network: 'vgg' is no network"),
        (Cache, {"action": "lst"}, "action: input should be 'list', 'verify' or 'prune', got 'lst'"),
        (Cache, {"kind": "picture"}, "kind: 'picture' is no kind of entry. Did you mean 'pictures'?"),
        (Cache, {"gb": "1"}, "gb says what prune keeps, but the action is list"),
        (Cache, {"action": "prune", "gb": "inf"}, "gb: input should be a finite number"),
    ],
)
def test_bad_values_are_named(parameters, values, message):
    """A bad value gives one sentence with its name, what was expected, and where to read more."""
    with pytest.raises(ParameterError, match=message) as caught:
        parameters.parse(values)
    assert f"`beauty {parameters.job} --help` lists the parameters." in str(caught.value) or "has no" in str(
        caught.value
    )
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("parameters", [Finetune, Main])
@pytest.mark.parametrize("blocks", ["12", "-1"])
def test_more_blocks_than_there_are(parameters, blocks):
    """Too many blocks, or fewer than none, is an error that gives the range."""
    with pytest.raises(NetworkError, match="0 to 11"):
        parameters.parse({"blocks": blocks})


@pytest.mark.parametrize(
    ("text", "depths"),
    [("", ()), ("0", (0,)), ("0-3,6", (0, 1, 2, 3, 6)), ("6, 1-2,2", (1, 2, 6)), (",", ()), ("11-11", (11,))],
)
def test_depths_that_share_a_cache(text, depths):
    """Numbers and ranges, each depth once, in order."""
    assert Finetune(cache_depths=text).depths == depths


def test_depths_that_the_network_does_not_have():
    """A depth too many among those that share the cache is as wrong as in blocks."""
    with pytest.raises(NetworkError, match="blocks=12 doesn't fit inception_v3: expected 0 to 11"):
        Finetune.parse({"cache_depths": "0-12"})


@given(values=st.dictionaries(st.sampled_from(sorted(Finetune.model_fields)), st.text(max_size=20)))
def test_any_text_is_accepted_or_refused_with_a_sentence(values):
    """No text makes the parameters fail with anything but one of our errors, whose status is 2."""
    outcome = parse_or_error(values)
    assert isinstance(outcome, Parameters) or outcome.exit_status == 2


def parse_or_error(values):
    try:
        return Finetune.parse(values)
    except BeautyError as error:
        return error


def test_command_that_does_it_again():
    """The command names what differs from the defaults, quoted for a shell."""
    assert Finetune(blocks=2).command() == "mlflow run . -e finetune -P blocks=2"
    assert Main(epochs=3).command() == "mlflow run . -P epochs=3"
    assert Split(data="", group_by="a b").command() == "mlflow run . -e split -P data='' -P group_by='a b'"
    assert Evaluate(model=RUN).command() == f"mlflow run . -e evaluate -P model={RUN}"


def test_a_value_that_is_not_utf8_is_named():
    """As the shell gives a folder's name of another encoding."""
    with pytest.raises(ParameterError, match=r"^data is 'caf.', which isn't UTF-8 and doesn't exist or isn't what"):
        Split.parse({"data": "caf\udce9"})
