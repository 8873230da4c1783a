import pytest

from beauty_mlflow.tracking.spool.folder import Header
from beauty_mlflow.tracking.spool.journal import Journal
from beauty_mlflow.tracking.store import connect


@pytest.fixture
def store(faults):
    return connect()


@pytest.fixture(scope="session")
def header():
    return Header("https://tracker", "beauty", "1", "a" * 32)


@pytest.fixture
def folder(tmp_path, header):
    return tmp_path / header.run_id


@pytest.fixture
def journal(folder, header):
    opened = Journal(folder, header)
    yield opened
    opened.close()
