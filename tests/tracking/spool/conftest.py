import pytest

from beauty_mlflow.tracking.store import connect


@pytest.fixture
def store(faults):
    return connect()
