import json
import queue
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from together import together

from beauty_mlflow.errors import ParameterError, WorkError
from beauty_mlflow.temporary import bytes_below
from beauty_mlflow.tracking.changes import (
    CHANGE,
    Batch,
    Inputs,
    LoggedFile,
    LoggedModel,
    Point,
    Status,
    Untag,
)
from beauty_mlflow.tracking.datasets import Dataset
from beauty_mlflow.tracking.spool import journal as journals
from beauty_mlflow.tracking.spool.folder import Header, count_unsent, spool_folder
from beauty_mlflow.tracking.spool.journal import Journal

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
POINTS = st.builds(
    Point,
    name=TEXT,
    value=st.floats(allow_nan=False, allow_infinity=False),
    timestamp=st.integers(0, 2**53),
    step=st.integers(-(2**60), 2**60),
    dataset=st.none() | st.just(Dataset("boxes/val", "0" * 32, "val", "/data", 10, 2)),
)
CHANGES = st.one_of(
    st.builds(
        Batch,
        metrics=st.lists(POINTS, max_size=5).map(tuple),
        parameters=st.dictionaries(TEXT, TEXT, max_size=3),
        tags=st.dictionaries(TEXT, TEXT, max_size=3),
    ),
    st.builds(Untag, name=TEXT),
    st.builds(Inputs, datasets=st.just((Dataset("boxes/val", "0" * 32, "val", "/data", 10, 2),)), model=TEXT),
    st.builds(Status, status=st.sampled_from(["RUNNING", "FINISHED"]), end=st.none() | st.integers(0, 2**53)),
)


@given(CHANGES)
def test_a_change_is_the_same_after_a_way_through_json(change):
    """Nothing is lost or rounded on the disk, whatever the numbers and words are."""
    assert CHANGE.validate_python(json.loads(json.dumps(CHANGE.dump_python(change, mode="json")))) == change


@given(changes=st.lists(CHANGES, min_size=1, max_size=6), torn=st.integers(1, 200))
def test_a_line_that_a_kill_cut_short_is_as_if_it_had_never_been(changes, torn, header, tmp_path_factory):
    """Whatever is on the disk of the last line, the lines before it are there, and the next one fits after them."""
    folder = tmp_path_factory.mktemp("torn") / header.run_id
    written = Journal(folder, header)
    for change in changes:
        written.append(change)
    written.close()
    path = folder / "journal.jsonl"
    *_, last = path.read_bytes().splitlines(keepends=True)
    with path.open("ab") as stream:
        stream.truncate(path.stat().st_size - min(torn, len(last)))
    again = Journal(folder)
    assert [change for _, change in again.unsent()] == changes[:-1]
    again.append(changes[-1])
    assert [change for _, change in again.unsent()] == changes
    again.close()


def test_what_was_sent_is_not_sent_again(journal, folder):
    """A later process begins after the last change that has arrived."""
    for name in "abc":
        journal.append(Untag(name=name))
    journal.mark_sent(2)
    journal.close()
    again = Journal(folder)
    assert [(number, change.name) for number, change in again.unsent()] == [(3, "c")]
    assert [change.name for change in again.changes()] == ["a", "b", "c"]
    assert again.append(Untag(name="d"))[0] == 4
    assert count_unsent(folder)[0] == 2
    again.close()


def test_a_number_that_was_cut_short_joins_no_other(journal, folder):
    """Else 1 of what was 12, and the next 13, would say that 113 had arrived, and all before it were forgotten."""
    for number in range(20):
        journal.append(Untag(name=str(number)))
    journal.mark_sent(11)
    journal.close()
    with (folder / "sent").open("ab") as stream:
        stream.write(b"1")
    again = Journal(folder)
    again.mark_sent(13)
    assert [number for number, _ in again.unsent()] == list(range(14, 21))
    again.close()
    assert count_unsent(folder)[0] == 7


def test_files_are_the_spools_own(journal, tmp_path):
    """What is uploaded is copied: the run may delete or change its own at once."""
    path = tmp_path / "curves.png"
    path.write_bytes(b"a figure")
    number, kept = journal.append(LoggedFile(path=path, folder="figures"))
    path.unlink()
    assert kept.path.read_bytes() == b"a figure"
    assert kept.path.name == "curves.png"
    assert journal.unsent() == [(number, kept)]
    journal.mark_sent(number)
    assert not kept.path.exists()


def test_a_model_is_kept_as_a_folder(journal, tmp_path):
    """The package and the example lie side by side, whatever they are called."""
    package, example = tmp_path / "package", tmp_path / "example"
    (package / "inner").mkdir(parents=True)
    (package / "inner" / "model.keras").write_bytes(b"weights")
    example.write_bytes(b"a picture")
    _, kept = journal.append(LoggedModel(path=package, example=example))
    assert (kept.path / "inner" / "model.keras").read_bytes() == b"weights"
    assert kept.example.read_bytes() == b"a picture"


def test_what_is_written_while_another_thread_notes_what_has_arrived(folder, header, monkeypatch):
    """However often the journal is emptied meanwhile, no line is lost."""
    monkeypatch.setattr(journals, "COMPACT_BYTES", 200)
    journal, arrived = Journal(folder, header), queue.SimpleQueue()

    def send():
        for number in iter(arrived.get, None):
            journal.mark_sent(number)

    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send)
        for number in range(1, 301):
            arrived.put(journal.append(Untag(name="x" * 50))[0])
            assert journal._last == number
        arrived.put(None)
        sending.result()
    journal.close()
    again = Journal(folder)
    assert again.unsent() == []
    assert again.append(Untag(name="next"))[0] == 301
    again.close()


@pytest.mark.parametrize("text", ["10GB", "much", "inf", "nan"])
def test_a_limit_that_is_none(folder, header, monkeypatch, text):
    monkeypatch.setenv(journals.LIMIT, text)
    with pytest.raises(ParameterError, match=rf"BEAUTY_SPOOL_GB is '{text}'; expected a number of gigabytes"):
        Journal(folder, header)


def test_ctrl_c_in_the_middle_leaves_nothing_of_a_change(journal, tmp_path, monkeypatch):
    """The next one has its number, its file and all."""
    path = tmp_path / "a file"
    path.write_bytes(b"content")

    def interrupted(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", interrupted)
        for change in (Untag(name="a"), LoggedFile(path=path)):
            with pytest.raises(KeyboardInterrupt):
                journal.append(change)
    assert journal.append(LoggedFile(path=path))[0] == 1
    assert len(journal.unsent()) == 1


def test_the_spool_is_bounded(journal, tmp_path, monkeypatch):
    """A large file that doesn't fit is refused with a sentence that says what to do; nothing of it is left."""
    monkeypatch.setattr(journals, "spool_folder", lambda: journal.folder)
    monkeypatch.setattr(journal, "_limit", 1_000_000)
    path = tmp_path / "large"
    path.write_bytes(bytes(1_000_001))
    with pytest.raises(WorkError, match=r"the spool would exceed 0.001 GB \(BEAUTY_SPOOL_GB\)\. Make room"):
        journal.append(LoggedFile(path=path))
    assert journal.unsent() == []
    assert bytes_below(journal.folder / "files") == 0
    assert journal.append(Untag(name="small"))[0] == 1


def test_figures_count_as_well(journal, monkeypatch):
    """An outage of weeks fills no disk; the run's end always finds room, so that it has its status."""
    monkeypatch.setattr(journals, "spool_folder", lambda: journal.folder)
    monkeypatch.setattr(journal, "_limit", 10_000)
    figure = Batch(metrics=(Point(name="loss", value=1.0, timestamp=1, step=1),))
    for _ in range(20):
        journal.append(figure)
    with pytest.raises(WorkError, match="the spool would exceed 1e-05 GB"):
        deque(map(journal.append, [figure] * 200), 0)
    kept = len(journal.unsent())
    assert kept < 200
    journal.append(Batch(tags={"error": "the spool is full"}))
    journal.append(Status(status="FAILED", end=1))
    assert len(journal.unsent()) == kept + 2


def test_a_long_run_takes_no_more_room(journal, folder, monkeypatch):
    """Once everything has arrived, what was written down of it goes; numbers go on."""
    monkeypatch.setattr(journals, "COMPACT_BYTES", 1000)
    for number in range(1, 200):
        assert journal.append(Untag(name="x" * 50))[0] == number
        journal.mark_sent(number)
        assert bytes_below(folder) < 5000
    journal.close()
    again = Journal(folder)
    assert again.unsent() == []
    assert again.append(Untag(name="next"))[0] == 200
    again.close()


def test_a_run_that_is_begun_as_its_last_process_removes_what_it_had():
    """A hundred times: it begins in the folder that is there or in a new one, or hears that the other is at work."""
    folder = spool_folder() / "run"

    def begin():
        while True:
            try:
                return Journal(folder, Header("http://host", "beauty"))
            except WorkError as error:
                assert "Another process is at work" in str(error)  # noqa: PT017 - what it is otherwise is raised

    for _ in range(100):
        last = begin()
        journal, _ = together(begin, last.remove)
        journal.append(Batch(tags={"a": "b"}))
        assert len(journal.unsent()) == 1
        journal.remove()


def test_a_spool_that_was_sent_meanwhile_is_not_made_again():
    with pytest.raises(WorkError, match=r"can't be opened in .*No such file"):
        Journal(spool_folder() / "gone")
    assert not (spool_folder() / "gone").exists()
