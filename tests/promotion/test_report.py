import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from beauty_mlflow.promotion.answers import Answers, Pair
from beauty_mlflow.promotion.checks import Candidate
from beauty_mlflow.promotion.deciding import decide
from beauty_mlflow.promotion.gate import Gate
from beauty_mlflow.promotion.report import LINES, Example, Report, disagreements, markdown, page

COUNTS = {"cream": 100, "soap": 100, "lotion": 100}
CLASSES = ("cream", "soap")
TRUE = np.array(CLASSES * 20)
DECISION = decide(Answers(TRUE, TRUE, CLASSES), Answers(TRUE, TRUE[::-1], CLASSES), Gate(), Candidate())


def make_report(answers, **given):
    candidate, champion = answers(COUNTS, 0.8), answers(COUNTS, 0.6)
    decision = decide(candidate, champion, Gate(), Candidate())
    return Report("beauty: better", [("candidate", "run abc")], decision, **given)


def test_both_forms_say_the_same(answers):
    """Verdict, every condition, every figure and what is left out stand in both."""
    lines = [("cream", "soap", "cream", 40 - place) for place in range(LINES + 2)]
    report = make_report(answers, disagreements=lines, notes=["A note."])
    for text in (markdown(report), page(report)):
        assert all(check.name in text and check.sentence.split(",")[0] in text for check in report.decision.checks)
        assert all(name in text for name in report.decision.figures)
        assert "A note." in text
        assert "run abc" in text
        assert f"Another {10 - LINES + 29 + 10 - LINES + 30} pictures differ in 2 further ways" in text


def test_pictures_stand_in_the_page(answers):
    shown = page(make_report(answers, examples=[Example("a/b.png", "cream", "soap", "cream", b"png")]))
    assert 'src="data:image/png;base64,cG5n"' in shown
    assert "a/b.png: cream. Champion: soap; candidate: cream" in shown
    assert "candidate is right" in shown


@pytest.mark.system
def test_in_a_browser(answers, new_page, tmp_path):
    """Style and pictures are there under the page's policy, and no script would run."""
    png = io.BytesIO()
    Image.new("RGB", (20, 10)).save(png, "PNG")
    text = page(make_report(answers, examples=[Example("a/b.png", "cream", "soap", "cream", png.getvalue())]))
    (tmp_path / "report.html").write_text(text)
    shown = new_page()
    shown.goto((tmp_path / "report.html").as_uri())
    assert shown.evaluate("document.querySelector('figure img').naturalWidth") == 20
    assert shown.evaluate("getComputedStyle(document.querySelector('figure')).width") == "160px"
    assert shown.said == []
    shown.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hacked = 1\">')")
    shown.wait_for_function("() => document.querySelector('body > img').complete")
    assert shown.evaluate("window.hacked") is None


@given(st.text())
def test_names_cant_break_out(name):
    """Whatever a class is called: it starts no tag, no attribute and no column."""
    report = Report(
        name, [(name, name)], DECISION, [(name, name, name, 1)], [Example(name, name, name, name, b"")], [name]
    )
    plain = Report("", [("", "")], DECISION, [("", "", "", 1)], [Example("", "", "", "", b"")], [""])
    assert re.findall(r"<[^>]*>", re.sub(r'alt="[^"]*"', "", page(report))) == re.findall(
        r"<[^>]*>", re.sub(r'alt="[^"]*"', "", page(plain))
    )
    assert "<" not in markdown(report)
    rows = [line for line in markdown(report).splitlines() if line.startswith("|")]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in rows] == [
        len(re.findall(r"(?<!\\)\|", line)) for line in markdown(plain).splitlines() if line.startswith("|")
    ]


def test_disagreements_are_counted():
    true = np.array(["a", "a", "b", "b", "b"])
    classes = ("a", "b", "c")
    candidate = Answers(true, np.array(["a", "a", "c", "b", "b"]), classes)
    champion = Answers(true, np.array(["b", "b", "b", "b", "c"]), classes)
    assert disagreements(Pair(candidate, champion)) == [("a", "b", "a", 2), ("b", "b", "c", 1), ("b", "c", "b", 1)]
