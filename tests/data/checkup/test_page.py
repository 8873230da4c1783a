"""The page: whole, harmless, within its budget; and in a real browser."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest

from beauty_mlflow.data.checkup.page import MARK, SHOWN, page
from beauty_mlflow.progress import silent_progress

SIDE = 96
HOSTILE = (
    "<script>document.title='run'</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "{0.__class__}{value}",
    "&lt;b&gt;",
    "javascript:alert(1)",
    "\u202eRTL",
    "new\nline",
    "=HYPERLINK(1)",
    "x" * 120,
)


def show(checkup, **options):
    return page(checkup, silent_progress, **options)


class _Reader(HTMLParser):
    """Collects elements, their attributes and the text."""

    def __init__(self, content):
        super().__init__()
        self.elements, self.text = [], []
        self.feed(content)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def hostile(make_good, encode, wrong):
    """Every name that nobody should choose, as a class and as a file that gives findings."""
    names = [name.replace("/", "\u2215") for name in HOSTILE]
    root = make_good(dict.fromkeys(names, 12))
    for name in names:
        (root / name / f"{name}.png").write_bytes(encode(wrong["blurred"]))
        (root / name / f"{name}.broken.png").write_bytes(b"x")
    return root


def test_the_page_shows_each_kind_of_finding_with_its_advice(spoiled, check):
    checkup = check(spoiled)
    text = show(checkup)
    assert text.startswith("<!doctype html>")
    assert MARK in text[:1000]
    for kind, count in checkup.counts.items():
        assert (f'<h2 id="{kind.name}">' in text) == (count > 0)
    assert 'alt="shampoo/blank.png"' in text
    assert "the file is empty" in text


def test_good_pictures_give_a_page_that_says_so(make_good, check):
    assert "Nothing was found." in show(check(make_good({"shampoo": 20, "soap": 20})))


def test_the_page_says_what_was_looked_for_and_not_found_but_not_of_parts_where_there_are_none(
    make_good, encode, wrong, check, tmp_path
):
    for seed, part in enumerate(("train", "val", "test")):
        make_good({"shampoo": 6, "soap": 6}, name=f"split/{part}", first=100 * seed)
    for root in (tmp_path / "split" / "train", make_good({"shampoo": 6, "soap": 6})):
        (root / "soap" / "dark.png").write_bytes(encode(wrong["dark"]))
    without, with_parts = (show(check(tmp_path / name)) for name in ("data", "split"))
    assert "not found: Files that can't be used; The same file in several classes; " in unescape(without)
    assert "in several parts" not in without
    assert "The same file in several parts; The same picture in several parts; Blank" in with_parts
    assert "changed after the split" not in with_parts


def test_a_pair_says_both_classes(spoiled, check):
    assert "<b><bdi>shampoo</bdi> \u2194 <bdi>soap</bdi></b>" in show(check(spoiled))


def test_no_name_becomes_markup(hostile, check):
    read = _Reader(show(check(hostile)))
    assert [tag for tag, _ in read.elements].count("script") == 1
    allowed = {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "script",
        "body",
        "h1",
        "h2",
        "p",
        "small",
        "code",
        "a",
        "ul",
        "li",
        "b",
    }
    allowed |= {"table", "thead", "tbody", "tr", "th", "td", "bdi", "i", "br", "span", "svg", "rect"}
    allowed |= {"div", "figure", "figcaption", "img"}
    assert {tag for tag, _ in read.elements} <= allowed
    assert not [name for _, attributes in read.elements for name in attributes if name.startswith(("on", "style"))]
    links = [attributes["href"] for tag, attributes in read.elements if tag == "a"]
    assert all(re.fullmatch("#[a-z_]+", link) for link in links)
    sources = [attributes["src"] for tag, attributes in read.elements if tag == "img"]
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    text = "".join(read.text)
    assert "{0.__class__}{value}" in text
    assert "\u202e" not in text


def test_the_policy_allows_nothing_but_the_pages_own_style_and_script(spoiled, check):
    read = _Reader(show(check(spoiled)))
    (policy,) = [each["content"] for tag, each in read.elements if tag == "meta" and "http-equiv" in each]
    assert "default-src 'none'" in policy
    assert re.search("script-src 'sha256-[^']+';", policy)
    assert "unsafe" not in policy


def test_what_is_not_shown_is_counted(make_good, encode, wrong, check):
    root = make_good({"shampoo": 3 * SHOWN, "soap": 10})
    for number in range(SHOWN + 5):
        (root / "soap" / f"dark{number}.png").write_bytes(encode(wrong["dark"]))
    text = show(check(root))
    assert text.count("<figure") == 3 * SHOWN - SHOWN  # dark ones, and pairs of copies
    assert "5 more are in findings.csv" in text


def test_pictures_beyond_the_budget_are_left_out_with_a_word(spoiled, check):
    checkup = check(spoiled)
    whole, cut = show(checkup), show(checkup, budget=8_000)
    assert len(cut) < len(whole) - 1_000
    assert "left out" not in whole
    left_out = int(re.search(r"(\d+) pictures were left out of this page so that it stays below 0.008 MB", cut)[1])
    assert left_out == whole.count("<img") - cut.count("<img") == cut.count("not shown")


def test_a_picture_that_has_vanished_since_is_not_shown(spoiled, check):
    checkup = check(spoiled)
    (spoiled / "shampoo" / "blank.png").unlink()
    assert "<i>not shown</i>" in show(checkup)


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser_it_is_styled_asks_for_nothing_and_runs_nothing(hostile, check, new_page, tmp_path, scheme):
    file = tmp_path / "report.html"
    file.write_text(show(check(hostile)), "utf-8")
    opened = new_page(scheme=scheme)
    asked = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(file.as_uri())
    assert not opened.said
    assert not [url for url in asked if not url.startswith(("data:", "file:"))]
    assert opened.title().startswith("Check-up of")
    background = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(21, 24, 28)")
    assert opened.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert opened.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    opened.click("text=Blurred pictures")
    assert opened.evaluate("document.querySelector('#blurred').getBoundingClientRect().top") < 300
