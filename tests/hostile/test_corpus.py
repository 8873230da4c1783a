"""The whole corpus through every command: each file is read, or left out with its reason, and nothing else suffers."""

import csv
import re
from html.parser import HTMLParser

import pytest
from corpus import NAMES, PICTURES

from beauty_mlflow.data.safe_tables import read_table
from beauty_mlflow.data.splits.manifest import COLUMNS, read_split

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
GROWTH = 500  # megabytes above ordinary pictures
LARGEST = 1500  # megabytes in all
SLOWEST = 60  # seconds of processor time a command
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?")
COMMANDS = ("split", "check", "main", "finetune", "evaluate", "predict", "export", "serve")


def assert_as_expected(found, expected):
    """Compare reasons: those found by path with words of those expected; an empty one stands for a picture read."""
    assert found.keys() == expected.keys()
    wrong = {
        path: (reason, expected[path])
        for path, reason in found.items()
        if (expected[path] not in reason if expected[path] else reason)
    }
    assert not wrong


def test_every_command_comes_to_its_end(hostile_run):
    """No process dies, hangs or fails, whatever lies among the pictures."""
    assert hostile_run.status == 0, hostile_run.said[-3000:]
    assert {name: step["status"] for name, step in hostile_run.steps.items()} == dict.fromkeys(COMMANDS, 0)


@pytest.mark.parametrize("command", COMMANDS)
def test_memory_and_time_stay_bounded(hostile_run, ordinary_run, command):
    """A picture that is small on the disk can't become large in memory, and none takes minutes."""
    hostile, ordinary = hostile_run.steps[command], ordinary_run.steps[command]
    assert ordinary["status"] == 0, ordinary_run.said[-3000:]
    assert hostile["megabytes"] < ordinary["megabytes"] + GROWTH
    assert hostile["megabytes"] < LARGEST
    assert hostile["seconds"] < SLOWEST


def test_split_reads_what_is_a_picture_and_says_why_it_leaves_out_the_rest(hostile_run, corpus):
    """Every file is in the manifest or in the quarantine, exactly as it is called."""
    split = read_split(hostile_run.out / "split.csv", check_pictures=False)
    _, quarantine = read_table(hostile_run.out / "split.quarantine.csv")
    found = dict.fromkeys(split.table["path"], "") | dict(quarantine)
    assert len(found) == len(split.table) + len(quarantine)
    assert_as_expected(found, corpus.reasons)
    assert f"{corpus.ignored} hidden or system files and folders were ignored" in hostile_run.said


def test_classes_with_odd_names_keep_them(hostile_run, corpus):
    """Two that look alike stay two, and each has a picture in every part."""
    split = read_split(hostile_run.out / "split.csv")
    assert set(split.classes) == {path.partition("/")[0] for path, reason in corpus.reasons.items() if not reason}
    assert all(counts[name] for counts in split.counts.values() for name in split.classes)
    assert sum(path.startswith("ordinary/") for path in split.table["path"]) == PICTURES


def test_check_calls_broken_what_split_leaves_out(hostile_run, corpus):
    _, rows = read_table(hostile_run.out / "check" / "findings.csv")
    broken = {row[0]: row[5] for row in rows if row[3] == "broken"}
    assert_as_expected(dict.fromkeys(corpus.reasons, "") | broken, corpus.reasons)


def test_predict_answers_or_says_why_not(hostile_run, corpus):
    header, rows = read_table(hostile_run.out / "predictions.csv")
    assert_as_expected({row[0]: row[header.index("error")] for row in rows}, corpus.reasons)
    assert all(row[header.index("label")] for row in rows if not row[header.index("error")])


def test_the_server_answers_each_picture_for_itself(hostile_run, corpus):
    """One request with all contents: those that are pictures are answered, the others have the reason."""
    errors = {
        path: error or "" for path, error in zip(corpus.contents, hostile_run.steps["serve"]["errors"], strict=True)
    }
    assert_as_expected(errors, {path: corpus.reasons[path] for path in corpus.contents})


def test_nothing_that_a_name_asks_for_is_done(hostile_run, corpus):
    """Names that a shell would run have run nothing."""
    assert any("touch hacked" in name for name in NAMES)
    for folder in (hostile_run.out, corpus.folder):
        assert not list(folder.rglob("hacked"))


def test_no_table_that_was_written_runs_in_a_spreadsheet(hostile_run):
    """Of all tables only manifests keep names as they are, because their paths are compared with the disk."""
    tables = sorted(path for path in hostile_run.out.rglob("*.[ct]sv") if "state" not in path.parts)
    manifests = set()
    for path in tables:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream, delimiter="\t" if path.suffix == ".tsv" else ",", strict=True))
        if tuple(rows[0]) == COLUMNS:
            manifests.add(path.name)
        else:
            cells = [cell for row in rows for cell in row if not NUMBER.fullmatch(cell)]
            assert not [cell for cell in cells if cell.startswith(FORMULA)], path
    assert {"predictions.csv", "split.quarantine.csv", "findings.csv", "suspects.csv", "most_confused.csv"} <= {
        path.name for path in tables
    }
    assert manifests == {"split.csv", "manifest.csv"}


class _Elements(HTMLParser):
    """The elements of a page as a browser sees them: names and attributes, and what scripts say."""

    def __init__(self):
        super().__init__()
        self.seen, self.scripts, self._in_script = [], [], False

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        self._in_script = tag == "script"

    def handle_data(self, data):
        if self._in_script:
            self.scripts.append(data)

    def handle_endtag(self, tag):  # noqa: ARG002 - the parser's signature
        self._in_script = False


def test_no_page_that_was_written_runs_what_a_name_says(hostile_run):
    """Names are text in every page: none becomes an element, an attribute or a script."""
    pages = sorted(hostile_run.out.rglob("*.html"))
    assert {path.name for path in pages} == {"explorer.html", "report.html"}
    for path in pages:
        page = _Elements()
        page.feed(path.read_text(encoding="utf-8"))
        assert "alert(1)" in path.read_text(encoding="utf-8")
        assert not [(tag, each) for tag, each in page.seen if any(name.startswith("on") for name in each)]
        assert not [script for script in page.scripts if script.strip().startswith("alert(1)")]
        assert not [each for tag, each in page.seen if tag == "img" and not each["src"].startswith("data:")]
