import base64
import hashlib
import json
import re
from importlib.resources import files

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators.explorer import FILE, evaluate
from beauty_mlflow.evaluation.explorer.page import render, to_json

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(ANYTHING)
@example("\udc80 of a name that isn't UTF-8")
@example("</script>&\u2028\u2029")
def test_json_comes_back_and_holds_nothing_that_html_knows(value):
    text = to_json({"value": value})
    assert json.loads(text.encode("utf-8"))["value"] == value
    assert not set("<>&\u2028\u2029") & set(text)


@pytest.mark.parametrize("hostile", ["</script>", "<!--<script>", "{{script}}", "\u2028", "]]>", "&lt;"])
def test_a_hostile_text_changes_nothing_of_the_page_but_the_data(hostile):
    page, harmless = render({"classes": [hostile]}, ["AAAA"]), render({"classes": ["x"]}, ["AAAA"])
    data = re.compile(r'(?<=id="data">).*?(?=</script>)', re.DOTALL)
    assert data.sub("", page) == data.sub("", harmless)
    assert json.loads(data.search(page)[0]) == {"classes": [hostile]}


def test_the_policy_knows_exactly_the_pages_own_script_and_style():
    page = render({})
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    for kind, tag in (("style", "style"), ("script", "script")):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_the_script_never_makes_html_of_text():
    folder = files("beauty_mlflow.evaluation.explorer") / "assets"
    scripts = {entry.name: entry.read_text("utf-8") for entry in folder.iterdir() if entry.name.endswith(".js")}
    assert scripts
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|javascript:")
    assert not {name: forbidden.findall(text) for name, text in scripts.items() if forbidden.search(text)}


def test_it_needs_no_network():
    page = render({})
    assert not re.search(r"https?://|<link|<iframe|\bsrc=|@import|url\(", page)


def test_the_page_says_when_pictures_cannot_be_shown(tmp_path, make_table, make_pictures):
    def notes(*given, **options):
        evaluate(*given, tmp_path, **options)
        text = (tmp_path / FILE).read_text("utf-8")
        return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])["notes"]

    assert "40 of 40 pictures are missing" in notes(Evaluated(make_table(), tmp_path))[0]
    pictures = make_pictures(classes=2, each=20)
    table = make_table(classes=2, n=40)
    shown = type(table)(pictures.paths, table.true, table.probabilities, table.classes)
    assert notes(Evaluated(shown, pictures.folder)) == []
    assert "40 of 40 pictures have no thumbnail" in notes(Evaluated(shown, pictures.folder), budget=0)[0]
    unlisted = notes(Evaluated(shown, pictures.folder), most=30)[0]
    assert unlisted.startswith("10 of 40 pictures are counted but not listed")
