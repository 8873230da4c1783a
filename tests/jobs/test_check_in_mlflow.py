"""The check-up's page in the artifact viewer of a real MLflow server."""

import shutil

import pytest

from beauty_mlflow.jobs.split import Split
from beauty_mlflow.jobs.split import run as split
from beauty_mlflow.tracking.store import connect


@pytest.mark.system
@pytest.mark.slow
def test_it_is_styled_shows_its_pictures_and_its_links_work(server_uri, pictures, tmp_path, monkeypatch, new_page):
    data = shutil.copytree(pictures, tmp_path / "data")
    first, second, *_ = sorted(data.iterdir())
    shutil.copy(min(first.iterdir()), second / "wrong.jpg")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server_uri)
    store = connect()
    run = store.client.create_run(store.experiment_id)
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    split(Split(data=str(data), out=str(tmp_path / "split.csv")))
    page = new_page()
    page.goto(f"{server_uri}/#/experiments/{store.experiment_id}/runs/{run.info.run_id}/artifacts/check/report.html")
    frame = page.frame_locator("iframe.mlflow-html-iframe, iframe#html")
    frame.locator("h1").wait_for()
    assert frame.locator("h1").inner_text() == f"Check-up of {data}"
    assert frame.locator("body").evaluate("body => getComputedStyle(body).maxWidth") != "none"
    assert frame.locator("body").evaluate("() => [...document.images].every(image => image.naturalWidth > 0)")
    frame.locator("text=Copies: the same file more than once").first.click()
    heading = frame.locator("#exact_copy")
    heading.wait_for()
    assert heading.evaluate("heading => heading.getBoundingClientRect().top < innerHeight")
