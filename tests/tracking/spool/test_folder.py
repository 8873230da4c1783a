import subprocess
import sys

import pytest

from beauty_mlflow.errors import WorkError
from beauty_mlflow.tracking.changes import LoggedFile, Untag
from beauty_mlflow.tracking.spool.folder import count_unsent, discard_spool, is_locked
from beauty_mlflow.tracking.spool.journal import Journal


def test_what_is_unsent_is_counted(journal, folder, tmp_path):
    """Changes that haven't arrived, and the bytes that they take with their files."""
    path = tmp_path / "a figure"
    path.write_bytes(bytes(5000))
    for _ in range(2):
        journal.append(LoggedFile(path=path))
    assert count_unsent(folder)[0] == 2
    assert count_unsent(folder)[1] > 10_000
    journal.mark_sent(1)
    assert count_unsent(folder)[0] == 1
    assert 5000 < count_unsent(folder)[1] < 10_000


@pytest.mark.parametrize(
    ("name", "content"),
    [("journal.jsonl", '{"number": 1}\n'), ("journal.jsonl", "{\n"), ("sent", "x\n"), ("header.json", "{")],
)
def test_a_damaged_one_says_so(journal, folder, name, content):
    """Which file it is, and how to be rid of it."""
    journal.append(Untag(name="a"))
    journal.close()
    (folder / name).write_text(content)
    with pytest.raises(WorkError, match=rf"{name} is damaged.*beauty sync --run {folder.name} --discard"):
        Journal(folder)
    discard_spool(folder)
    assert not folder.exists()


def test_a_second_process_is_refused(journal, folder):
    """Two that write one journal would mix their lines."""
    assert is_locked(folder)
    with pytest.raises(WorkError, match=r"Another process is at work on what .* holds; end that first"):
        Journal(folder)
    journal.close()
    assert not is_locked(folder)


def test_a_kill_lets_go_of_the_folder(folder, header):
    """The lock is the process's, and ends with it."""
    script = f"""
        import os, signal
        from pathlib import Path
        from beauty_mlflow.tracking.changes import Untag
        from beauty_mlflow.tracking.spool.folder import Header
        from beauty_mlflow.tracking.spool.journal import Journal
        journal = Journal(Path({str(folder)!r}), {header!r})
        journal.append(Untag(name="kept"))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    source = "\n".join(line.removeprefix("        ") for line in script.splitlines())
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == -9
    again = Journal(folder)
    assert again.unsent() == [(1, Untag(name="kept"))]
    assert again.header == header
    again.close()
