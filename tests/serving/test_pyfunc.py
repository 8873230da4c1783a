import base64
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.data.images import FORMATS
from beauty_mlflow.errors import DataError, ParameterError
from beauty_mlflow.serving.classifier import Classifier
from beauty_mlflow.serving.pyfunc import _load_pyfunc, _without_base64

COLUMNS = ["label", "probability", "top", "abstained", "error", "model_version"]


@pytest.fixture
def served(package):
    return _load_pyfunc(str(package))


def test_the_table_says_what_the_classifier_says(served, package, make_picture):
    sources = [make_picture(seed) for seed in range(3)]
    table = served.predict(pd.DataFrame({"image": sources}))
    expected = Classifier.load(package).classify(sources)
    assert list(table.columns) == COLUMNS
    for row, reply in zip(table.to_dict("records"), expected, strict=True):
        assert row == {name: getattr(reply, name) for name in COLUMNS}


def test_the_first_answer_need_not_wait_for_the_graph(served):
    assert served.classifier._run.experimental_get_tracing_count() == 1


def test_rows_keep_their_index_and_a_bad_cell_its_own_error(served, make_picture):
    table = served.predict(pd.DataFrame({"image": [make_picture(), None, "text"]}, index=[7, 3, "x"]))
    assert list(table.index) == [7, 3, "x"]
    assert table["error"].isna().tolist() == [True, False, False]
    assert table.loc[3, "error"] == "expected the bytes of a picture file, got nothing"


@pytest.mark.parametrize("form", [base64.b64encode, base64.encodebytes, lambda file: base64.b64encode(file).decode()])
@pytest.mark.parametrize("kind", FORMATS)
def test_base64_that_mlflow_left_is_decoded_and_a_file_is_not(served, make_picture, kind, form):
    """A file is never taken for base64; base64 may be text or bytes, in one line or several."""
    files = [make_picture(1, size, kind) for size in ((20, 30), (0x41, 0x41), (43, 0x2B2B))]
    plain = served.predict(pd.DataFrame({"image": files}))
    assert plain["error"].isna().all()
    pd.testing.assert_frame_equal(served.predict(pd.DataFrame({"image": [form(file) for file in files]})), plain)


@settings(max_examples=200)
@given(cell=st.binary() | st.text() | st.text(st.characters(categories=["Cs"])) | st.from_regex(r"[A-Za-z0-9+/=\s]*"))
def test_what_is_in_a_cell_is_decoded_or_left(cell):
    """Nothing that somebody may send is an error here."""
    found = _without_base64(cell)
    assert found is cell or found == base64.b64decode(cell)


def test_the_answer_is_valid_json_with_null_where_there_is_none(served, make_picture):
    table = served.predict(pd.DataFrame({"image": [make_picture(), b"broken"]}))
    fine, broken = json.loads(json.dumps(table.to_dict("records"), allow_nan=False))
    assert fine["error"] is None
    assert fine["top"][0] == {"label": fine["label"], "probability": fine["probability"]}
    assert (broken["label"], broken["probability"], broken["top"]) == (None, None, [])


def test_no_rows_give_no_rows(served):
    table = served.predict(pd.DataFrame({"image": []}))
    assert (list(table.columns), len(table)) == (COLUMNS, 0)


@pytest.mark.parametrize("top", [2, np.int64(2)])
def test_the_number_of_guesses_is_a_parameter(served, make_picture, top):
    table = served.predict(pd.DataFrame({"image": [make_picture()]}), params={"top": top})
    assert len(table.loc[0, "top"]) == 2


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"topp": 3}, r"Unknown parameter 'topp'; known: top\. Did you mean 'top'\?"),
        ({"top": "many"}, "whole number above 0, got 'many'"),
        ({"top": 0}, "at least 1, got 0"),
    ],
)
def test_wrong_parameters_are_named(served, make_picture, params, message):
    with pytest.raises(ParameterError, match=message):
        served.predict(pd.DataFrame({"image": [make_picture()]}), params=params)


@pytest.mark.parametrize(
    ("model_input", "got"),
    [
        (pd.DataFrame({"picture": [b""]}), "the columns picture"),
        ([b""], "a list"),
        (pd.DataFrame(), "(none)"),
    ],
)
def test_an_input_without_pictures_says_what_was_expected(served, model_input, got):
    with pytest.raises(DataError, match="column 'image'") as raised:
        served.predict(model_input)
    assert got in str(raised.value)


def test_answers_say_the_registered_version(package, make_picture):
    (package.parent / "MLmodel").write_text("model_id: m-123\nflavors: {}\n")
    (package.parent / "registered_model_meta").write_text("model_name: beauty\nmodel_version: '4'\n")
    served = _load_pyfunc(str(package))
    assert served.predict(pd.DataFrame({"image": [make_picture()]})).loc[0, "model_version"] == "beauty/4"
    assert served.get_raw_model().model_version == "beauty/4"


ABSENT = (
    "mlflow",
    "optuna",
    "sklearn",
    "scipy",
    "matplotlib",
    "imagehash",
    "pydantic",
    "click",
    "tqdm",
    "boto3",
)


@pytest.mark.slow
def test_it_answers_where_only_its_requirements_are_installed(package, make_picture):
    """The package travels inside the model: what it imports must be in its short list of requirements."""
    (package / "picture.png").write_bytes(make_picture())
    script = (
        "import sys, pathlib, pandas\n"
        f"sys.modules.update(dict.fromkeys({ABSENT}))\n"  # importing these fails from here on
        "from beauty_mlflow.serving.pyfunc import _load_pyfunc\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "pictures = pandas.DataFrame({'image': [(folder / 'picture.png').read_bytes()]})\n"
        "print(_load_pyfunc(str(folder)).predict(pictures).loc[0, 'label'])"
    )
    command = [sys.executable, "-c", script, str(package)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == Classifier.load(package).classify([make_picture()])[0].label
