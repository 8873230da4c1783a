"""The page inside the artifact viewer of a real MLflow server: an iframe whose sandbox allows scripts alone."""

import numpy as np
import pytest

from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators.explorer import FILE, evaluate
from beauty_mlflow.evaluation.predictions import PredictionTable

pytestmark = [pytest.mark.system, pytest.mark.slow]


@pytest.fixture
def viewer(open_artifact, make_pictures, tmp_path):
    """The artifact viewer with an explorer open in it: the UI's page and the frame."""
    pictures = make_pictures(classes=("Face_Cream", "Face_Mask", "Lips_Stick"), each=8)
    rows = np.full((24, 3), 0.1, np.float32)
    rows[np.arange(24), np.where(np.arange(24) % 4, pictures.labels, (pictures.labels + 1) % 3)] = 0.8
    table = PredictionTable(pictures.paths, pictures.labels, rows, pictures.classes)
    evaluate(Evaluated(table, pictures.folder, beside=table), tmp_path)
    page, frame = open_artifact(tmp_path / FILE, "evaluation/test")
    frame.locator("#body h2").first.wait_for()
    return page, frame


def test_everything_works_in_the_sandbox(viewer):
    page, frame = viewer
    element = page.locator("iframe.mlflow-html-iframe, iframe#html")
    assert element.get_attribute("sandbox") == "allow-scripts"
    assert "24 pictures" in frame.locator("#summary").inner_text()
    inside = element.element_handle().content_frame()
    assert inside.evaluate("window.origin") == "null"

    frame.locator("#level").select_option("families")
    frame.locator("#order").select_option("table")
    frame.locator("#stage").focus()
    page.keyboard.press("Control+Home")
    assert frame.locator("#live").inner_text().startswith("Face, right: 14 pictures")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    assert frame.locator("#live").inner_text().startswith("Face_Cream taken for Face_Mask: 2 pictures")
    page.keyboard.press("Enter")
    frame.locator(".card img").first.wait_for()
    inside.wait_for_function(
        "() => [...document.querySelectorAll('.card img')].every((one) => one.naturalWidth === 128)"
    )

    shown = frame.locator(".card img").first.bounding_box()
    assert shown["y"] + shown["height"] <= page.viewport_size["height"], "what was opened is in sight"

    frame.locator(".card").first.click()
    frame.locator("#marker").select_option("drop")
    frame.locator("#tab-corrections").click()
    assert frame.locator("textarea").input_value().startswith("path,class\n0/")
    assert frame.locator("text=Download").count() == 0, "the sandbox forbids downloads"
    frame.locator("text=Copy").click()
    assert frame.locator("#live").inner_text() == "Copied"
    frame.locator("#search").fill("lips")
    page.keyboard.press("Control+A")
    page.keyboard.press("Control+V")
    assert frame.locator("#search").input_value().startswith("path,class")
    assert frame.locator("#tab-changes").count() == 1
    assert not [text for text in page.said if "sandbox" in text.lower() or "Content Security Policy" in text]


def test_it_fits_into_the_viewer(viewer):
    page, _ = viewer
    inside = page.locator("iframe.mlflow-html-iframe, iframe#html").element_handle().content_frame()
    width, shown = inside.evaluate("[window.innerWidth, document.documentElement.scrollWidth]")
    assert shown <= width
    assert inside.evaluate("document.getElementById('stage').getBoundingClientRect().height") >= 240
