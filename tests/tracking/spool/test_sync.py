"""Which spools there are, while others are being made, written and removed."""

import pytest
from ageing import grow_old

from beauty_mlflow.tracking.changes import Batch
from beauty_mlflow.tracking.spool import sync
from beauty_mlflow.tracking.spool.folder import Header, has_header, is_locked, spool_folder
from beauty_mlflow.tracking.spool.journal import Journal
from beauty_mlflow.tracking.spool.sync import unbegun_spools, unsent_spools

HEADER = Header("http://host", "beauty")


@pytest.fixture
def begun():
    """A spool with a change in it, which this process has open."""
    journal = Journal(spool_folder() / "begun", HEADER)
    journal.append(Batch(tags={"a": "b"}))
    yield journal
    journal.close()


def test_one_that_is_being_made_is_none_yet(begun):
    """Before it says what it belongs to, and before anything is in it."""
    making = spool_folder() / "making"
    (making / "files").mkdir(parents=True)
    assert [spool.run_id for spool in unsent_spools()] == ["begun"]
    (making / "header.json").write_text((begun.folder / "header.json").read_text())
    assert [(spool.run_id, spool.changes) for spool in unsent_spools()] == [("begun", 1), ("making", 0)]


def test_one_that_cant_be_read_says_why_and_keeps_none_from_the_others(begun):
    Journal(spool_folder() / "damaged", HEADER).close()
    (spool_folder() / "damaged" / "header.json").write_text("{")
    spools = {spool.run_id: spool for spool in unsent_spools()}
    assert set(spools) == {"begun", "damaged"}
    assert "header.json is damaged" in spools["damaged"].problem
    assert not spools["begun"].problem


def test_one_whose_process_died_at_once_is_found(begun):
    """Not while it is young, nor while a process has it."""
    folder = spool_folder() / "died"
    (folder / "files").mkdir(parents=True)
    assert unbegun_spools() == []
    grow_old(folder)
    assert unbegun_spools() == [folder]
    (begun.folder / "header.json").unlink()
    grow_old(begun.folder)
    assert unbegun_spools() == [folder]


def test_one_that_begins_as_it_is_looked_at_is_alive(monkeypatch):
    """Whose process takes it between two looks isn't one that a crash has left."""
    folder = spool_folder() / "beginning"
    folder.mkdir(parents=True)
    journals = []

    def begins(path):
        if not journals:
            journals.append(Journal(path, HEADER))
        return has_header(path)

    monkeypatch.setattr(sync, "has_header", begins)
    (spool,) = unsent_spools()
    assert spool.alive
    journals[0].remove()
    assert unsent_spools() == []


def test_one_that_ends_as_it_is_looked_at_is_none(begun, monkeypatch):
    """What its process sends and removes between two looks isn't left either."""

    def ends(folder):
        begun.remove()
        return is_locked(folder)

    monkeypatch.setattr(sync, "is_locked", ends)
    assert unsent_spools() == []
