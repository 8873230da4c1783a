"""A registered model as MLflow loads it and as `mlflow models serve` answers with it, over real HTTP."""

import base64
import io
import json
import re
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
from mlflow.exceptions import MlflowException
from PIL import Image

from beauty_mlflow.data import images
from beauty_mlflow.serving.classifier import Classifier
from beauty_mlflow.serving.pyfunc import ANSWER_COLUMNS

MODEL = "models:/shelf@champion"
PAGE = Path(__file__).parents[2] / "docs" / "serving.md"


def _encoded(pixels, kind, mode=None, **options):
    picture = Image.fromarray(pixels)
    stream = io.BytesIO()
    (picture.convert(mode) if mode else picture).save(stream, kind, **options)
    return stream.getvalue()


def _turned(pixels):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: the camera lay on its side
    return _encoded(pixels, "JPEG", exif=exif)


def _transparent(pixels):
    return _encoded(np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 90, np.uint8)], axis=2), "PNG")


@pytest.fixture(scope="module")
def pictures():
    """The bytes of a picture in each form that decoders disagree about."""
    pixels = np.random.default_rng(5).integers(0, 256, (24, 40, 3), np.uint8)
    deep = np.random.default_rng(6).integers(0, 65536, (24, 40), np.uint16)
    moving = [Image.fromarray(np.roll(pixels, turn, axis=1)) for turn in (9, 18)]
    return {
        "JPEG": _encoded(pixels, "JPEG"),
        "JPEG on its side": _turned(pixels),
        "gray JPEG": _encoded(pixels, "JPEG", "L"),
        "CMYK JPEG": _encoded(pixels, "JPEG", "CMYK"),
        "PNG": _encoded(pixels, "PNG"),
        "16-bit PNG": _encoded(deep, "PNG"),
        "transparent PNG": _transparent(pixels),
        "palette PNG": _encoded(pixels, "PNG", "P"),
        "WebP": _encoded(pixels, "WEBP"),
        "moving WebP": _encoded(pixels, "WEBP", save_all=True, append_images=moving),
        "GIF": _encoded(pixels, "GIF"),
        "BMP": _encoded(pixels, "BMP"),
        "TIFF": _encoded(pixels, "TIFF"),
        "large JPEG": _encoded(np.tile(pixels, (40, 40, 1)), "JPEG"),
    }


@pytest.fixture
def model(registered, monkeypatch):
    """The champion as mlflow.pyfunc loads it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registered[0])
    return mlflow.pyfunc.load_model(MODEL)


@pytest.fixture(scope="module")
def served(registered, running, tmp_path_factory):
    """The address of `mlflow models serve`, and the file of its log."""
    folder = tmp_path_factory.mktemp("served")
    program = Path(sys.executable).with_name("mlflow")

    def command(port):
        return [program, "models", "serve", "-m", MODEL, "--env-manager", "local", "--port", port]

    path = f"{program.parent}:/usr/bin:/bin"  # uvicorn is looked for on it
    with running(command, folder, MLFLOW_TRACKING_URI=registered[0], PATH=path) as uri:
        yield uri, folder / "server.log"


@pytest.fixture
def ask(served):
    """Post a request, given as what becomes JSON or as text, and return the reply."""

    def post(body, kind="application/json"):
        text = body if isinstance(body, str) else json.dumps(body)
        return requests.post(f"{served[0]}/invocations", text, headers={"Content-Type": kind}, timeout=500)

    return post


def _text(picture):
    return base64.b64encode(picture).decode()


def _split(pictures):
    return {"dataframe_split": {"columns": ["image"], "data": [[_text(picture)] for picture in pictures]}}


def _table(pictures):
    return pd.DataFrame({"image": list(pictures)})


def _probabilities(answer):
    return {guess["label"]: guess["probability"] for guess in answer["top"]}


def test_mlflow_and_the_classifier_give_the_networks_own_probabilities(registered, model, pictures):
    """One decoder: what training would show the network of each picture is what is answered."""
    classifier = Classifier.load(registered[1])
    classes, size = classifier.description.classes, classifier.description.image_size
    decoded = np.stack([images.load(picture, size, "squash") for picture in pictures.values()])
    expected = np.asarray(classifier.network(decoded.astype(np.float32), training=False))
    direct = classifier.classify(list(pictures.values()), top=len(classes))
    answers = model.predict(_table(pictures.values()), params={"top": len(classes)}).to_dict("records")
    assert (
        len({tuple(row) for row in expected.round(6).tolist()}) == len(pictures) - 2
    )  # PNG, BMP and TIFF hold the same
    for name, row, one, other in zip(pictures, expected, direct, answers, strict=True):
        assert one.error is None, name
        assert one.top == other["top"], name
        assert _probabilities(other) == pytest.approx(dict(zip(classes, row.tolist(), strict=True)), abs=1e-6), name


@pytest.mark.parametrize("picture", [b"", b"broken", b"<html>", _text(b"no picture")])
def test_bytes_that_are_no_picture_get_an_error_and_the_others_their_answers(model, picture_file, picture):
    first, broken, last = model.predict(_table([picture_file, picture, picture_file])).to_dict("records")
    assert (broken["label"], broken["probability"], broken["top"]) == (None, None, [])
    assert broken["error"]
    assert first == last
    assert (first["error"], first["model_version"], len(first["top"])) == (None, "shelf/1", 5)


@pytest.mark.parametrize(
    ("params", "message"),
    [({"top": 0}, "top must be at least 1, got 0"), ({"top": "many"}, "top"), ({"top": 2.5}, "top")],
)
def test_a_bad_parameter_is_mlflows_own_error(model, picture_file, params, message):
    with pytest.raises(MlflowException, match=message) as raised:
        model.predict(_table([picture_file]), params=params)
    assert raised.value.get_http_status_code() == 400


@pytest.mark.slow
def test_http_gives_the_same_answers_as_mlflow(model, ask, pictures):
    reply = ask(_split(pictures.values()) | {"params": {"top": 7}})
    assert reply.status_code == 200, reply.text
    answers = reply.json()["predictions"]
    expected = model.predict(_table(pictures.values()), params={"top": 7}).to_dict("records")
    for name, found, wanted in zip(pictures, answers, expected, strict=True):
        assert tuple(found) == ANSWER_COLUMNS
        assert _probabilities(found) == pytest.approx(_probabilities(wanted), abs=1e-6), name
        assert found["label"] == found["top"][0]["label"] == wanted["label"]
        assert (found["abstained"], found["error"], found["model_version"]) == (False, None, "shelf/1")


@pytest.mark.slow
@pytest.mark.parametrize(
    "form",
    [
        lambda texts: {"dataframe_split": {"columns": ["image"], "data": [[text] for text in texts]}},
        lambda texts: {"dataframe_records": [{"image": text} for text in texts]},
        lambda texts: {"inputs": {"image": texts}},
        lambda texts: {"inputs": texts},
        lambda texts: {"instances": [{"image": text} for text in texts]},
        lambda texts: {"instances": texts},
    ],
    ids=["split", "records", "inputs by name", "inputs", "instances by name", "instances"],
)
def test_every_form_that_mlflow_takes_is_answered(ask, pictures, form):
    """A broken picture gets an error for itself, the others get the answers of the documented form."""
    good = [pictures["PNG"], pictures["JPEG on its side"]]
    expected = ask(_split(good)).json()["predictions"]
    reply = ask(form([_text(good[0]), _text(b"no picture"), _text(good[1])]) | {"params": {"top": 2}})
    assert reply.status_code == 200, reply.text
    first, broken, last = reply.json()["predictions"]
    for found, wanted in zip([first, last], expected, strict=True):
        assert _probabilities(found) == pytest.approx(dict(list(_probabilities(wanted).items())[:2]), abs=1e-6)
    assert (broken["label"], broken["probability"], broken["top"]) == (None, None, [])
    assert "no picture of a known format" in broken["error"]


@pytest.mark.slow
def test_a_table_as_csv_is_answered(ask, pictures):
    reply = ask(f"image\n{_text(pictures['PNG'])}\n", "text/csv")
    assert reply.json()["predictions"][0]["label"] == ask(_split([pictures["PNG"]])).json()["predictions"][0]["label"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"params": {"top": 0}}, "top must be at least 1, got 0"),
        ({"params": {"top": "many"}}, "top"),
        ({"dataframe_split": {"columns": ["picture"], "data": [["aGVsbG8="]]}}, "missing inputs ['image']"),
        ({"dataframe_split": {"columns": ["image"], "data": [["aGVsbG8"]]}}, "Failed to convert column image"),
        ({"dataframe_split": {"columns": ["image"], "data": [[None]]}}, "Failed to convert column image"),
        ({"dataframe_split": 3}, "must be a dictionary"),
        ({"dataframe_split": {"columns": ["image"], "data": [[]]}}, "not a valid dataframe"),
    ],
)
def test_a_request_that_cannot_be_used_gets_a_sentence_and_no_stack_trace(ask, picture_file, change, message):
    reply = ask(_split([picture_file]) | change)
    assert reply.status_code == 400
    assert message in reply.json()["message"]
    assert "Traceback" not in reply.text


@pytest.mark.slow
def test_no_pictures_get_no_answers(ask):
    assert ask(_split([])).json() == {"predictions": []}


@pytest.mark.slow
def test_a_picture_that_would_fill_the_memory_gets_an_error_for_itself(ask, picture_file):
    """A PNG of a few kilobytes that says it has 40,000 x 40,000 pixels."""
    bomb = bytearray(picture_file)
    bomb[16:24] = (40_000).to_bytes(4, "big") * 2
    bomb[29:33] = _crc(bytes(bomb[12:29]))
    fine, refused = ask(_split([picture_file, bytes(bomb)])).json()["predictions"]
    assert fine["error"] is None
    assert "100,000,000" in refused["error"]


def _crc(chunk):
    return zlib.crc32(chunk).to_bytes(4, "big")


@pytest.mark.slow
def test_a_thousand_pictures_in_one_request_come_back_in_order(ask, pictures):
    names = list(pictures)
    alone = ask(_split(pictures.values())).json()["predictions"]
    asked = [names[(7 * number) % len(names)] for number in range(1000)]
    reply = ask(_split(pictures[name] for name in asked))
    assert reply.status_code == 200, reply.text[:500]
    answers = reply.json()["predictions"]
    assert len(answers) == 1000
    for name, found in zip(asked, answers, strict=True):
        assert _probabilities(found) == pytest.approx(_probabilities(alone[names.index(name)]), abs=1e-5), name


@pytest.mark.slow
def test_requests_at_once_get_their_own_answers(ask, pictures):
    names = [name for name in pictures for _ in range(3)]
    expected = {name: ask(_split([pictures[name]] * 2)).json() for name in pictures}
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda name: ask(_split([pictures[name]] * 2)).json(), names))
    for name, reply in zip(names, found, strict=True):
        for one, other in zip(reply["predictions"], expected[name]["predictions"], strict=True):
            assert _probabilities(one) == pytest.approx(_probabilities(other), abs=1e-6), name


@pytest.mark.slow
def test_the_servers_log_holds_nothing_that_looks_like_a_fault(served, ask, picture_file):
    """Its start and an answer leave no warning and no stack trace, but for TensorFlow's word about its own log."""
    before = served[1].read_text()
    assert ask(_split([picture_file, b"broken"])).status_code == 200
    answered = served[1].read_text()[len(before) :]
    told = [*before[: before.index("Uvicorn running")].splitlines(), *answered.splitlines()]
    assert [line for line in told if re.search("warn|error|traceback", line, re.IGNORECASE)] == [
        line for line in told if "absl::InitializeLog()" in line or "round-off errors" in line
    ]


@pytest.mark.slow
def test_the_requests_on_the_page_are_answered(served, picture_file, tmp_path):
    """docs/serving.md: curl with one picture, then Python with one and a broken one, the two best classes each."""
    page = PAGE.read_text("utf-8").replace("http://127.0.0.1:5001", served[0])
    curl = re.search(r"```console\n\$ (.*?)```", page, re.DOTALL)[1]
    script = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    (tmp_path / "picture.jpg").write_bytes(picture_file)
    printed = [
        subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for command in (["bash", "-c", curl], [sys.executable, "-c", script])
    ]
    (answer,), (same, broken) = (json.loads(text)["predictions"] for text in printed)
    assert (answer["error"], len(answer["top"])) == (None, 5)
    assert same["top"] == answer["top"][:2]
    assert broken["error"]
