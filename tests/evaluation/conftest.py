"""Tables of predictions: made up, or of names that nobody should choose."""

import numpy as np
import pytest
from PIL import Image

from beauty_mlflow.data.pictures import Pictures
from beauty_mlflow.evaluation.predictions import PredictionTable

HOSTILE_NAMES = (
    "=HYPERLINK(1)",
    "a$x_1$b$",
    "中文",
    "שלום",
    "x" * 90,
    'tab\there "quoted", comma',
    "new\nline",
    "carriage\rreturn",
    "-1",
    "@x",
    "'q",
    "''",
    "\u202eRTL",
    "NA",
    "1.0",
    "🎉",
    " ",
)


@pytest.fixture(scope="session")
def make_table():
    """Return a table of n made-up predictions; about 0.6 of them right."""

    def make(classes=4, n=40, seed=0, true=None):
        names = tuple(classes) if not isinstance(classes, int) else tuple(f"class{i}" for i in range(classes))
        random = np.random.default_rng(seed)
        labels = np.asarray(random.integers(0, len(names), n) if true is None else true, np.int32)
        rows = random.random((len(labels), len(names))).astype(np.float32) ** 3 + np.float32(1e-6)
        right = np.flatnonzero(random.random(len(labels)) < 0.5)
        rows[right, labels[right]] += 1
        paths = tuple(f"{names[label]}/{i}.jpg" for i, label in enumerate(labels))
        return PredictionTable(paths, labels, rows / rows.sum(axis=1, keepdims=True), names)

    return make


@pytest.fixture(scope="session")
def hostile_names():
    return HOSTILE_NAMES


@pytest.fixture(scope="session")
def make_pictures(tmp_path_factory):
    """Return pictures of plain colours that aren't square, `each` of every class: the class's own red."""

    def make(classes=3, each=2, empty=()):
        names = tuple(classes) if not isinstance(classes, int) else tuple(f"class{i}" for i in range(classes))
        folder = tmp_path_factory.mktemp("pictures")
        paths, labels = [], []
        for label in [label for label in range(len(names)) for _ in range(each) if label not in empty]:
            name = f"{label}/{len(paths)}.png"
            (folder / str(label)).mkdir(exist_ok=True)
            red = 255 * label // max(1, len(names) - 1)
            Image.new("RGB", (40, 20), (red, 60, 200 - red // 2)).save(folder / name)
            paths.append(name)
            labels.append(label)
        keys = np.arange(len(paths), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        return Pictures(folder, tuple(paths), np.array(labels, np.int32), keys, names)

    return make


@pytest.fixture
def open_artifact(server_uri, new_page, tmp_path):
    """Log a page to a run of a real server and open it in the UI's viewer; return the UI's page and the frame in it."""
    import mlflow

    def opened(file, folder):
        client = mlflow.MlflowClient(server_uri)
        experiment = client.create_experiment(f"{file.name} of {tmp_path.name}")
        run = client.create_run(experiment)
        client.log_artifact(run.info.run_id, str(file), folder)
        page = new_page(width=1500, height=950)
        page.goto(f"{server_uri}/#/experiments/{experiment}/runs/{run.info.run_id}/artifacts/{folder}/{file.name}")
        return page, page.frame_locator("iframe.mlflow-html-iframe, iframe#html")

    return opened
