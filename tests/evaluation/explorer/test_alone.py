"""The page in a real Chromium, opened from a file."""

import csv
import json

import numpy as np
import pytest

from beauty_mlflow.data.safe_tables import write_table
from beauty_mlflow.evaluation.confusion import count_confusions
from beauty_mlflow.evaluation.predictions import PredictionTable

pytestmark = pytest.mark.system

HOSTILE = (
    "<img src=x onerror=window.hacked=1>",
    "</script><script>window.hacked=1</script>",
    "<!--<script>window.hacked=1",
    '"><svg onload=window.hacked=1>',
    "javascript:alert(1)",
    "{{script}}",
    "__proto__",
    "constructor",
)


@pytest.fixture
def table_of():
    """Return predictions whose confusion counts are these; the n-th picture of all is surer than the next."""

    def make(counts, names):
        counts = np.asarray(counts)
        true, predicted = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), len(counts))
        sure = np.linspace(0.95, 0.6, len(true), dtype=np.float32)
        rows = np.tile(((1 - sure) / max(len(counts) - 1, 1))[:, None], len(counts)).astype(np.float32)
        rows[np.arange(len(true)), predicted] = sure
        paths = tuple(f"{names[label]}/{i}.jpg" for i, label in enumerate(true))
        return PredictionTable(paths, true.astype(np.int32), rows, tuple(names))

    return make


@pytest.fixture
def families(table_of):
    """Five classes in the families A, B and Lone."""
    counts = [[9, 3, 0, 1, 0], [2, 8, 1, 0, 0], [0, 0, 12, 4, 0], [0, 0, 0, 7, 0], [0, 1, 0, 0, 5]]
    return table_of(counts, ("A_one", "A_two", "B_one", "B_two", "Lone"))


def pixels(page, colour):
    """How many pixels of the matrix have exactly this colour."""
    return page.evaluate(
        """(wanted) => {
            const canvas = document.getElementById("cells");
            const found = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            let number = 0;
            for (let i = 0; i < found.length; i += 4)
                number += found[i] === wanted[0] && found[i + 1] === wanted[1] && found[i + 2] === wanted[2]
                    && found[i + 3] === 255;
            return number;
        }""",
        list(colour),
    )


def press(page, *keys):
    page.focus("#stage")
    for key in keys:
        page.keyboard.press(key)


def walk(page, row, column):
    """Bring the cursor to a cell."""
    press(page, "Control+Home", *["ArrowDown"] * row, *["ArrowRight"] * column)


def heading(page):
    return page.locator("#body h2").first.inner_text()


def facts(page):
    return page.locator(".facts li").all_inner_texts()


def focused(page):
    """What has the focus: its id, or else what it is called."""
    return page.evaluate(
        """() => {
            const at = document.activeElement;
            return at === document.body ? "BODY" : at.id || at.getAttribute("aria-label") || at.textContent;
        }"""
    )


def scrolled(page):
    """How far the panel is scrolled, and the page, which is where the panel is below the matrix."""
    return page.evaluate("[document.getElementById('body').scrollTop, document.scrollingElement.scrollTop]")


def tabbed(page):
    """What Tab reaches from what has the focus on, each of which is seen to have it and says what it is."""
    found = []
    while (at := focused(page)) != "BODY":
        style, name = page.evaluate(
            """() => {
                const at = document.activeElement;
                const label = at.labels && at.labels.length ? at.labels[0].textContent : "";
                return [getComputedStyle(at).outlineStyle, at.getAttribute("aria-label") || label || at.textContent];
            }"""
        )
        assert style != "none", at
        assert name.strip(), at
        found.append(at)
        page.keyboard.press("Tab")
    return found


def settle(page):
    """Wait until what was asked to be drawn is drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_it_opens_from_a_file_says_its_figures_and_complains_of_nothing(open_explorer, families):
    page = open_explorer(families)
    words = page.inner_text("#summary")
    assert "53 pictures" in words
    assert "5 classes" in words
    assert "accuracy 0.774" in words
    assert page.inner_text("#body h2") == "Most confused pairs"
    first = page.locator(".list > li").first
    assert first.locator("bdi").all_inner_texts() == ["A_one", "A_two"]
    assert first.locator(".number").all_inner_texts() == ["3", "2"]
    assert page.said == []


@pytest.mark.parametrize(
    ("count", "colour"),
    [
        (9, (0, 128, 0)),
        (19, (0, 0, 255)),
        (20, (255, 255, 0)),
        (40, (255, 165, 0)),
        (60, (255, 0, 0)),
    ],
)
def test_the_thesiss_colours_are_those_of_the_figure(open_explorer, table_of, count, colour):
    page = open_explorer(table_of(np.diag([count, count]), "ab"), scheme="dark")
    page.select_option("#scale", "thesis")
    settle(page)
    assert pixels(page, colour) > 5000
    assert pixels(page, (0, 0, 0)) > 5000
    others = {(0, 128, 0), (0, 0, 255), (255, 255, 0), (255, 165, 0), (255, 0, 0)} - {colour}
    assert [pixels(page, other) for other in others] == [0, 0, 0, 0]


def test_a_click_on_a_cell_shows_its_pictures_the_most_probable_first(open_explorer, families):
    page = open_explorer(families)
    page.click("text=A_one")  # the first pair: A_one taken for A_two
    assert heading(page) == "A_one taken for A_two"
    assert facts(page) == ["3 pictures", "23 % of the 13 of A_one", "25 % of the 12 taken for A_two"]
    shown = [float(text) for text in page.locator(".card .chance").all_inner_texts()]
    assert len(shown) == 3
    assert shown == sorted(shown, reverse=True)
    page.locator(".card").first.click()
    assert page.inner_text(".path").startswith("A_one/")
    assert page.locator(".guess").count() == 5
    page.keyboard.press("Escape")
    assert heading(page) == "A_one taken for A_two"


def test_a_class_has_its_figures_and_what_it_is_confused_with_both_ways(open_explorer, families):
    page = open_explorer(families)
    page.fill("#search", "b_t")
    page.keyboard.press("Enter")
    assert heading(page) == "B_two"
    assert page.locator(".metric dd").all_inner_texts() == ["0.583", "1.000", "0.737"]
    sections = page.locator("#body section").all_inner_texts()
    assert "None of its pictures" in sections[0]
    assert [line for line in sections[1].splitlines() if "·" in line] == ["4 · 33 %", "1 · 8.3 %"]
    page.locator("#body section button").first.click()
    assert heading(page) == "B_one taken for B_two"


def test_a_search_says_how_many_more_classes_it_found(open_explorer, make_table):
    page = open_explorer(make_table(classes=15))
    page.fill("#search", "class")
    assert page.locator("#found [role=option]").count() == 12
    assert page.locator("#found li").last.inner_text() == "3 more: type more of the name"
    page.fill("#search", "class1")
    assert page.locator("#found li").all_inner_texts() == ["class1", *(f"class{i}" for i in range(10, 15))]


def test_every_cell_can_be_reached_and_opened_by_keys_alone(open_explorer, families):
    """Arrow keys walk in the order shown; what is announced and opened is the cell of the confusion matrix."""
    page = open_explorer(families)
    page.select_option("#order", "table")
    counts = count_confusions(families)
    names = families.classes
    for row in range(5):
        walk(page, row, row)
        words = page.inner_text("#live")
        assert words.startswith(f"{names[row]}, right: {counts[row, row]} picture")
    press(page, "Home", "ArrowRight", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp")
    assert page.inner_text("#live").startswith("A_one taken for A_two: 3 pictures, 23 % of 13")
    press(page, "Enter")
    assert heading(page) == "A_one taken for A_two"
    page.keyboard.press("Escape")
    assert heading(page) == "Most confused pairs"
    assert page.evaluate("document.activeElement.id") == "stage"
    press(page, "ArrowUp")
    assert page.inner_text("#live").startswith("A_two: 11 pictures, recall 0.727, precision 0.667")
    press(page, "Enter")
    assert heading(page) == "A_two"
    page.keyboard.press("Escape")
    press(page, "ArrowUp", "ArrowLeft", "ArrowLeft", "ArrowLeft")
    assert page.inner_text("#live").startswith("A_one: 13 pictures"), "it doesn't leave the matrix"


def test_tab_reaches_every_control_whose_focus_is_seen_and_which_has_a_name(open_explorer, families):
    page = open_explorer(families)
    page.select_option("#order", "table")
    page.focus("#search")
    toolbar = [
        "search",
        "level",
        "order",
        "values",
        "scale",
        "mistakes",
        "Zoom out",
        "Show the whole matrix",
        "Zoom in",
    ]
    pairs = ["B_one\u2192B_two4", "A_one\u2192B_two1", "A_two\u2192B_one1", "Lone\u2192A_two1"]
    first = "A_one\u2192A_two3"
    assert tabbed(page) == [*toolbar, "stage", "tab-mistakes", first, "and the other way round2", *pairs]
    page.focus("#body .row")
    page.keyboard.press("Enter")
    assert focused(page) == "body"
    page.keyboard.press("Tab")
    cards = [card.get_attribute("aria-label") for card in page.locator(".card").all()]
    assert len(cards) == 3
    assert tabbed(page) == ["\u2190 Back", "A_one", "A_two", "the other way round: 2", *cards]


def test_keys_show_what_the_pointer_does(open_explorer, make_table):
    """At 73 classes a cell is too small for its number: the cursor has the tip, zooming keeps it in view."""
    names = [f"class_{i:02d}" for i in range(73)]
    page = open_explorer(make_table(classes=names, n=2000))
    page.select_option("#order", "table")
    tip, stage = page.locator("#tip"), page.locator("#stage").bounding_box()
    press(page, "Control+Home")
    assert tip.inner_text().startswith("true: class_00\npredicted: class_00")
    for key in ("+", "+", "+"):
        page.keyboard.press(key)
        inside = tip.bounding_box()
        assert stage["x"] <= inside["x"] <= inside["x"] + inside["width"] <= stage["x"] + stage["width"]
        assert inside["y"] - stage["y"] < stage["height"] / 2  # beside the first cell, not the middle of the matrix
        assert "true: class_00" in tip.inner_text()
    press(page, "ArrowRight")
    assert "predicted: class_01" in tip.inner_text()
    press(page, "ArrowLeft", "ArrowLeft")
    assert tip.inner_text().startswith("class_00")
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    press(page, "ArrowDown")
    assert tip.is_visible()
    page.keyboard.press("Tab")
    assert tip.is_hidden()


def test_the_order_of_the_classes_is_chosen_by_arrow_keys(open_explorer, families):
    page = open_explorer(families)
    page.click("#tab-classes")
    page.focus("#sorting")
    for wanted in ("precision", "f1", "name"):
        page.keyboard.press("ArrowDown")
        assert page.input_value("#sorting") == wanted
        assert focused(page) == "sorting"


def test_a_family_in_the_list_opens_and_closes_where_it_is(open_explorer, make_table):
    names = [f"F{i:02d}_{kind}" for i in range(30) for kind in ("one", "two")]
    page = open_explorer(make_table(classes=names, n=600))
    page.select_option("#level", "families")
    page.click("#tab-classes")
    page.locator(".twisty").nth(25).focus()
    name, place = focused(page), scrolled(page)
    assert name.endswith("2 classes")
    assert place[0] > 0
    for opened in ("true", "false"):
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == opened
        assert (focused(page), scrolled(page)) == (name, place)
    for words, opened in (("Open all", 60), ("Close all", 0)):
        page.focus(f"text={words}")
        page.keyboard.press("Enter")
        assert page.locator(".tree .list bdi").count() == opened
        assert focused(page) == words


def test_tabs_keep_the_focus(open_explorer, families):
    page = open_explorer(families)
    page.focus("#tab-mistakes")
    for key, name in (("ArrowRight", "classes"), ("Enter", "classes"), ("ArrowRight", "pictures")):
        page.keyboard.press(key)
        assert focused(page) == f"tab-{name}"
        assert page.get_attribute(f"#tab-{name}", "aria-selected") == "true"
    page.click("#tab-corrections")
    assert focused(page) == "tab-corrections"


def test_a_picture_is_marked_and_the_mark_taken_back_by_keys_alone(open_explorer, families):
    page = open_explorer(families)
    page.click("text=A_one")
    for number in range(3):
        page.locator(".card").nth(number).focus()
        page.keyboard.press("Enter")
        page.focus("#marker" if number else ".marker .chip")
        control = focused(page)
        page.keyboard.press("ArrowDown" if number else "Enter")
        assert "Marked." in page.inner_text(".marker")
        assert focused(page) == control
        page.keyboard.press("Escape")
    page.click("#tab-corrections")
    page.focus("text=Copy")
    page.keyboard.press("Enter")
    assert page.inner_text("#live") == "Copied"
    assert focused(page) == "Copy"
    undo = [button.get_attribute("aria-label") for button in page.locator(".marked button").all()]
    page.locator(".marked button").nth(1).focus()
    for left in (undo[2], undo[0], "tab-corrections"):
        page.keyboard.press("Enter")
        assert focused(page) == left


def test_a_list_that_grows_keeps_the_focus(open_explorer, table_of):
    page = open_explorer(table_of([[80, 0], [0, 1]], ("a", "b")))
    page.select_option("#order", "table")
    walk(page, 0, 0)
    press(page, "Enter")
    page.focus(".more")
    page.keyboard.press("Enter")
    assert focused(page) == "Show more (8 left)"
    page.keyboard.press("Enter")
    settle(page)
    assert page.locator(".card").count() == 80
    assert focused(page) == page.locator(".card").nth(72).get_attribute("aria-label")


@pytest.mark.parametrize("width", [1280, 700])
def test_back_finds_a_long_list_as_it_was_left(open_explorer, make_table, width):
    """As long, scrolled as far and with the focus on the picture that was opened and marked; a tab does, too."""
    page = open_explorer(make_table(n=600), trained_on=True, width=width)
    page.click("#tab-pictures")
    hardest = page.locator("#body section").nth(1)
    for _ in range(6):
        hardest.locator(".more").click()
    card = hardest.locator(".card").nth(79)
    card.focus()
    name, place = focused(page), scrolled(page)
    assert max(place) > 1000
    page.keyboard.press("Enter")
    assert 0 <= page.locator("#tabs").bounding_box()["y"] < 700, "the details' beginning is in sight"
    page.select_option("#marker", "drop")
    page.keyboard.press("Escape")
    assert hardest.locator(".card").count() == 84
    assert (focused(page), scrolled(page)) == (name, place)
    assert "marked" in card.inner_text()
    page.click("#tab-corrections")
    page.click("#tab-pictures")
    assert hardest.locator(".card").count() == 84
    assert scrolled(page)[0] == place[0]


def test_escape_returns_to_what_opened_the_details(open_explorer, families):
    page = open_explorer(families)
    row = page.locator("#body .row").nth(3)
    row.focus()
    opener = focused(page)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert focused(page) == opener
    page.select_option("#order", "table")
    walk(page, 0, 1)
    press(page, "Enter")
    page.locator(".card").nth(1).focus()
    opener = focused(page)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert focused(page) == opener
    page.keyboard.press("Escape")
    assert focused(page) == "stage"
    page.fill("#search", "b_t")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert focused(page) == "search"


@pytest.mark.parametrize(
    ("taken", "announced", "measured"),
    [
        (0, "none: no picture", ["\u2013", "\u2013", "\u2013"]),
        (2, "none: no picture, 2 of others taken for it", ["0.000 +0.000", "\u2013", "\u2013"]),
    ],
)
def test_a_class_without_a_picture_says_so(open_explorer, table_of, taken, announced, measured):
    """It has no recall, which isn't one of 0."""
    table = table_of([[4, 1, taken], [0, 3, 0], [0, 0, 0]], ("a", "b", "none"))
    page = open_explorer(table, beside=table)
    page.select_option("#order", "table")
    walk(page, 2, 0)
    press(page, "ArrowLeft")
    assert page.inner_text("#live") == announced
    press(page, "Enter")
    assert page.locator(".metric dd").all_inner_texts() == measured
    words = f"There is no picture of it, so it has no recall and no F1; {taken} pictures of others taken for it."
    assert page.locator("#body .remark").first.inner_text() == words
    assert "It has no picture." in page.locator("#body section").first.inner_text()


def test_families_collapse_open_one_by_one_and_close_again(open_explorer, families):
    page = open_explorer(families)
    page.select_option("#order", "table")
    page.select_option("#level", "families")
    walk(page, 0, 0)
    assert page.inner_text("#live").startswith("A, right: 22 pictures, 92 % of 24")
    press(page, "Space")
    assert page.inner_text("#live").startswith("A_one, right: 9 pictures")
    press(page, "ArrowRight")
    assert page.inner_text("#live").startswith("A_one taken for A_two: 3 pictures")
    press(page, "ArrowRight")
    assert page.inner_text("#live").startswith("A_one taken for B: 1 picture")
    press(page, "ArrowLeft", "ArrowLeft", "Space")
    assert page.inner_text("#live").startswith("A, right: 22 pictures")
    press(page, "Enter")
    assert heading(page) == "A recognised"
    assert page.locator(".card").count() == 22
    page.keyboard.press("Escape")
    page.click("#tab-classes")
    page.click("text=Open all")
    assert page.locator(".tree .list bdi").all_inner_texts() == ["A_one", "A_two", "B_one", "B_two"]
    page.click("text=Close all")
    assert page.locator(".tree .list bdi").count() == 0


def test_a_click_on_the_triangle_opens_a_family_and_one_on_its_bracket_closes_it(open_explorer, families):
    page = open_explorer(families)
    page.select_option("#order", "table")
    page.select_option("#level", "families")
    settle(page)
    area = page.locator("#stage").bounding_box()

    def find(words):
        """Move over the names of the rows until the tip says this."""
        for y in range(0, int(area["height"]), 6):
            for x in range(0, 120, 4):
                page.mouse.move(area["x"] + x, area["y"] + y)
                if page.inner_text("#tip") == words:
                    return page.mouse
        raise AssertionError(words)

    mouse = find("A\nClick to show its 2 classes")
    mouse.down()
    mouse.up()
    walk(page, 0, 1)
    assert page.inner_text("#live").startswith("A_one taken for A_two")
    mouse = find("A\nClick to put its classes together again")
    mouse.down()
    mouse.up()
    walk(page, 0, 1)
    assert page.inner_text("#live").startswith("A taken for B")


def test_groups_are_a_level_beside_the_families(open_explorer, families):
    page = open_explorer(families, groups={"A_one": "mixed", "B_one": "mixed"})
    assert page.locator("#level option").all_inner_texts() == ["classes", "families", "groups"]
    page.select_option("#level", "groups")
    page.fill("#search", "B_one")
    page.keyboard.press("Enter")
    assert heading(page) == "mixed"
    page.click("text=Show its 2 classes")
    assert heading(page) == "Most confused pairs"
    press(page)
    page.fill("#search", "B_one")
    page.keyboard.press("Enter")
    assert heading(page) == "B_one"
    page.click("text=Put mixed together again")


def test_an_open_class_is_left_when_other_nodes_are_shown(open_explorer, families):
    """Its buttons would gather nodes of the level before."""
    page = open_explorer(families, groups={"B_one": "mixed", "Lone": "mixed"})
    page.select_option("#level", "families")
    page.fill("#search", "B_one")
    page.keyboard.press("Enter")
    assert heading(page) == "B"
    page.select_option("#level", "groups")
    assert heading(page) == "Most confused pairs"
    assert page.locator(".back").count() == 0


def test_without_levels_there_is_nothing_to_choose(open_explorer, make_table):
    page = open_explorer(make_table())
    assert page.locator("#level").count() == 0
    assert page.locator("#order option").all_inner_texts() == ["by cluster", "as in the table", "alphabetical"]
    assert page.locator("#tab-changes").count() == 0


def test_a_second_model_beside_it(open_explorer, table_of):
    """Differences cell by cell; what is better and worse is said in words as well as in colour."""
    names = ("a", "b")
    table = table_of([[6, 2], [1, 9]], names)
    other = table_of([[8, 0], [0, 10]], names)
    predicted = np.array([0] * 4 + [1] * 4 + [1] * 10)
    rows = np.full((18, 2), 0.1, np.float32)
    rows[np.arange(18), predicted] = 0.9
    other = PredictionTable(table.paths, table.true, rows, names)
    page = open_explorer(table, beside=other)
    page.select_option("#order", "table")
    page.select_option("#values", "difference")
    page.click("#tab-changes")
    assert "Accuracy 0.833 here, 0.778 there (+0.056)" in page.inner_text("#body")
    changes = [" ".join(text.split()) for text in page.locator(".list > li").all_inner_texts()]
    assert changes == ["a right +2 better", "a → b \u22122 better", "b → a +1 worse", "b right \u22121 worse"]
    only = page.locator("#body section h3").all_inner_texts()
    assert only == ["Right here, wrong there: 2 pictures", "Wrong here, right there: 1 picture"]
    walk(page, 0, 1)
    assert page.inner_text("#live").endswith("\u22122 against the other model")
    press(page, "Enter")
    assert facts(page)[-1] == "\u22122 against the other model's 4"
    page.locator(".card").first.click()
    assert any(line.startswith("other model:") for line in facts(page))


def test_pictures_that_one_model_alone_has_right_are_counted_among_the_listed(open_explorer, table_of):
    table = table_of([[6, 2], [1, 9]], ("a", "b"))
    page = open_explorer(table, beside=table, limits={"most": 10})
    page.click("#tab-changes")
    assert page.locator("#body section h3").first.inner_text() == "Right here, wrong there: 0 pictures of the 10 listed"


def test_names_that_are_scripts_stay_text(open_explorer, hostile_names, table_of, tmp_path):
    """Wherever a name is shown nothing of it runs, and all of it can be read."""
    names = (*HOSTILE, *hostile_names)
    counts = np.eye(len(names), dtype=int) + np.eye(len(names), k=1, dtype=int)
    table = table_of(counts, names)
    page = open_explorer(
        table,
        groups=dict.fromkeys(HOSTILE[:3], HOSTILE[0] + "group"),
        made_of={"a$x_1$b$": [HOSTILE[1] + "part"]},
        beside=table,
    )
    for tab in ("mistakes", "changes", "classes", "pictures", "corrections"):
        page.click(f"#tab-{tab}")
    for level in page.locator("#level option").all_inner_texts():
        page.select_option("#level", level)
        page.click("#tab-classes")
    page.select_option("#level", "classes")
    page.select_option("#order", "table")
    for row, name in enumerate(HOSTILE):
        walk(page, row, row)
        assert name in page.inner_text("#live")
        press(page, "Enter")
        assert name in heading(page)
        page.locator(".card").first.click()
        page.select_option("#marker", "drop")
    for name in HOSTILE:
        page.fill("#search", name)
        assert page.locator("#found [role=option]").first.inner_text() == name
        page.keyboard.press("Enter")
        assert heading(page) == name
    area = page.locator("#stage").bounding_box()
    for x in range(0, int(area["width"]), 60):
        page.mouse.move(area["x"] + x, area["y"] + area["height"] / 2)
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.querySelectorAll('script').length") == 3
    assert page.evaluate("document.querySelectorAll('#panel script, #panel svg, header img, #toolbar img').length") == 0
    assert page.said == []


def test_the_policy_holds_even_where_markup_gets_in(open_explorer, make_table):
    """The second line of defence: an inline handler, a script and a fetch are all refused."""
    page = open_explorer(make_table())
    page.evaluate(
        """async () => {
            document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.hacked = 1'>");
            const script = document.createElement("script");
            script.textContent = "window.hacked = 1";
            document.body.append(script);
            await fetch("data:text/plain,x").then(() => { window.hacked = 1; }, () => {});
        }"""
    )
    page.wait_for_function("() => document.querySelector('body > img').complete")
    assert page.evaluate("window.hacked") is None
    assert any("Content Security Policy" in text for text in page.said)


def test_corrections_are_the_text_that_split_reads(open_explorer, hostile_names, table_of, tmp_path):
    """Marked pictures give the very bytes that write_table would write, copied and as a download."""
    names = hostile_names[:12]
    table = table_of(np.eye(12, dtype=int) + np.eye(12, k=1, dtype=int), names)
    page = open_explorer(table)
    page.select_option("#order", "table")
    expected = []
    for row in range(11):
        walk(page, row, row + 1)
        press(page, "Enter")
        page.locator(".card").first.click()
        wanted = names[(row + 5) % 12] if row % 3 else "drop"
        expected.append([table.paths[np.flatnonzero((table.true == row) & (table.predicted == row + 1))[0]], wanted])
        if wanted == "drop":
            page.select_option("#marker", "drop")
        else:
            options = page.locator("#marker optgroup option").count()
            order = sorted((name for name in names if name != names[row]), key=lambda name: name)
            assert options == len(order)
            page.evaluate(
                """([wanted]) => {
                    const choose = document.getElementById("marker");
                    const signs = { "\\t": "\\u21e5", "\\n": "\\u23ce", "\\r": "\\u240d" };
                    const shown = wanted.replace(/[\\t\\n\\r]/, (sign) => signs[sign]);
                    choose.value = [...choose.options].find((one) => one.textContent === shown).value;
                    choose.dispatchEvent(new Event("change"));
                }""",
                [wanted],
            )
    page.click("#tab-corrections")
    write_table(tmp_path / "expected.csv", ["path", "class"], expected)
    text = (tmp_path / "expected.csv").read_bytes().decode("utf-8")
    with page.expect_download() as download:
        page.click("text=Download")
    assert download.value.suggested_filename == "corrections.csv"
    assert download.value.path().read_bytes().decode("utf-8") == text
    page.click("text=Copy")
    assert page.inner_text("#live") == "Copied"
    page.evaluate(
        """() => {
            const area = document.createElement("textarea");
            area.id = "paste";
            document.body.append(area);
            area.focus();
        }"""
    )
    page.keyboard.press("Control+V")
    assert page.input_value("#paste") == text.replace("\r", "\n")  # as a text field shows it
    page.locator("text=Undo").first.click()
    assert len(list(csv.reader(page.input_value("textarea[readonly]").splitlines()))) >= 11


def test_corrections_of_a_grouped_model_name_the_datas_own_classes(open_explorer, table_of):
    page = open_explorer(table_of([[3, 1], [0, 4]], ("face", "hand")), made_of={"face": ["mask", "cream"]})
    page.click("#tab-pictures")
    page.locator(".card").first.click()
    assert page.locator("#marker optgroup option").all_inner_texts() == ["cream", "hand", "mask"]


def test_a_group_called_like_one_of_its_classes_proposes_none_of_them_by_itself(open_explorer, table_of):
    page = open_explorer(table_of([[3, 0], [1, 4]], ("cream", "soap")), made_of={"cream": ["cream", "lotion"]})
    page.select_option("#order", "table")
    walk(page, 1, 0)
    press(page, "Enter")
    page.locator(".card").first.click()
    assert page.locator("#marker optgroup option").all_inner_texts() == ["cream", "lotion"]
    assert page.locator(".marker .chip").count() == 0


def test_thumbnails_are_shown_and_what_has_none_says_its_name(open_explorer, make_table, make_pictures):
    pictures = make_pictures(classes=2, each=10)
    made = make_table(classes=2, true=pictures.labels)
    table = PredictionTable(pictures.paths, pictures.labels, made.probabilities, made.classes)
    (pictures.folder / pictures.paths[0]).unlink()
    page = open_explorer(table, pictures.folder)
    page.click("#tab-pictures")
    assert "1 of 20 pictures are missing" in page.inner_text("#body")
    shown = 0
    for row in range(2):
        for column in range(2):
            walk(page, row, column)
            press(page, "Enter")
            page.wait_for_function("() => [...document.querySelectorAll('.card img')].every((one) => one.complete)")
            sizes = page.evaluate("[...document.querySelectorAll('.card img')].map((one) => one.naturalWidth)")
            assert set(sizes) <= {128}
            shown += len(sizes)
    assert shown == 19
    assert page.said == []


def test_light_and_dark_follow_the_system(open_explorer, families):
    page = open_explorer(families, scheme="light")
    lit = [page.evaluate("getComputedStyle(document.body).backgroundColor"), page.locator("#cells").screenshot()]
    page.emulate_media(color_scheme="dark")
    settle(page)
    dark = [page.evaluate("getComputedStyle(document.body).backgroundColor"), page.locator("#cells").screenshot()]
    assert lit[0] != dark[0]
    assert lit[1] != dark[1]


@pytest.mark.parametrize(("width", "height"), [(1400, 900), (760, 560), (390, 800)])
def test_nothing_is_cut_off_at_any_width(open_explorer, families, width, height):
    page = open_explorer(families, width=width, height=height)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#stage").bounding_box()["height"] >= 240
    for tab in ("mistakes", "classes", "pictures", "corrections"):
        page.click(f"#tab-{tab}")
        assert (
            page.evaluate("document.getElementById('body').scrollWidth - document.getElementById('body').clientWidth")
            <= 0
        )


def test_zoom_keeps_what_is_under_the_pointer_and_drag_moves_it(open_explorer, make_table):
    page = open_explorer(make_table(classes=60, n=600))
    area = page.locator("#stage").bounding_box()
    x, y = area["x"] + area["width"] * 0.4, area["y"] + area["height"] * 0.6
    page.mouse.move(x, y)
    before = page.inner_text("#tip")
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    settle(page)
    page.mouse.move(x + 1, y)
    assert page.inner_text("#tip") == before
    page.mouse.down()
    page.mouse.move(x - 80, y - 80, steps=4)
    page.mouse.up()
    page.mouse.move(x - 79, y - 80)
    assert page.inner_text("#tip") == before
    assert heading(page) == "Most confused pairs", "a drag is no click"
    page.click("text=Fit")
    page.mouse.move(x, y)
    assert page.inner_text("#tip") == before


def test_the_document_that_the_page_reads_is_the_payload(open_explorer, families):
    page = open_explorer(families)
    document = json.loads(page.evaluate("document.getElementById('data').textContent"))
    assert document["classes"] == list(families.classes)
