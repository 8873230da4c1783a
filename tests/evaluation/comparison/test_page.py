import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from beauty_mlflow.evaluation.comparison.charts import depth_charts
from beauty_mlflow.evaluation.comparison.page import Page, write_page
from beauty_mlflow.evaluation.comparison.table import readable_row

SCRIPT = '</script><script>document.title="run"</script><img src=x onerror="document.title=\'run\'">'
LINK = "<a href=\"javascript:document.title='run'\">x</a><b>bold</b>"


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attrs):  # noqa: ARG002 - the parser's signature
        self.tags.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def page_of(trainings, absent=()):
    return write_page(Page("a title", depth_charts(trainings), [readable_row(one) for one in trainings], absent))


def renamed(depths, name):
    return [replace(one, name=name, data=name, network=name, experiment=name) for one in depths]


def test_the_page_says_all(depths):
    """Figures with what they show, the table, and what isn't there; the drawing library comes once, inside."""
    parser = _Tags()
    text = page_of(depths, ["3 evaluations were left out."])
    parser.feed(text)
    said = " ".join(parser.text)
    assert "Accuracy and loss against depth: boxes, 4 classes" in said
    assert "3 evaluations were left out." in said
    assert parser.tags.count("tr") == 1 + len(depths)
    assert text.count("plotly.js v") == 1
    assert "cdn.plot.ly" not in text.replace("https://cdn.plot.ly/un/", "")
    assert len(text) < 6_000_000


def test_without_figures_the_library_isnt_there(training):
    assert len(page_of([training()])) < 10_000


def test_the_policy_knows_exactly_the_pages_own_script(depths):
    """Whatever else got into the page would not run, and nothing could be fetched."""
    text = page_of(depths)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'; img-src data: blob:; ")
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy


@pytest.mark.parametrize("name", [SCRIPT, LINK, "a$x_1$b$", "new\nline"])
def test_names_become_no_markup(depths, name):
    plain, hostile = _Tags(), _Tags()
    plain.feed(page_of(depths))
    hostile.feed(page_of(renamed(depths, name)))
    assert hostile.tags == plain.tags


@pytest.mark.system
@pytest.mark.slow
def test_in_a_browser(depths, new_page, tmp_path):
    """Drawn without a request to anywhere; a name that is a script stays a name, and is seen as it is written.

    What is drawn can be saved as a picture.
    """
    (tmp_path / "page.html").write_text(page_of(renamed(depths, SCRIPT + LINK)))
    page, requests = new_page(), []
    page.on("request", lambda request: requests.append(request.url))
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector(".legendtext")
    assert page.locator(".scatterlayer .trace").count() == 4
    assert page.title() == "a title"
    assert LINK in page.locator(".legendtext").first.text_content()
    assert page.locator("a[href^=javascript]").count() == 0
    with page.expect_download() as download:
        page.click(".modebar-btn[data-title^=Download]", force=True)
    assert download.value.suggested_filename.endswith(".png")
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert page.said == []


@pytest.mark.system
@pytest.mark.slow
def test_in_mlflows_viewer(depths, open_artifact, tmp_path):
    """Drawn in its sandbox; a click on a name hides its line in both panels, and nobody complains."""
    (tmp_path / "comparison.html").write_text(page_of(depths))
    page, frame = open_artifact(tmp_path / "comparison.html", "comparison")
    lines = frame.locator(".scatterlayer .trace")
    lines.nth(3).wait_for(state="attached")
    frame.locator(".legendtoggle").first.click()
    lines.nth(2).wait_for(state="detached")
    assert lines.count() == 2
    uis_own = "Failed to load resource"  # it asks the server for what isn't there; this page may fetch nothing at all
    assert [text for text in page.said if not text.startswith(uis_own)] == []
