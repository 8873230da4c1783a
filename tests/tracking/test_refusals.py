import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, PERMISSION_DENIED, UNAUTHENTICATED

from beauty_mlflow.errors import TrackingError
from beauty_mlflow.tracking.failures import translated


def http_error(status, text):
    answer = requests.Response()
    answer.status_code = status
    return requests.HTTPError(f"{status} Client Error. Response text: {text}", response=answer)


def sentence(error):
    with pytest.raises(TrackingError) as caught, translated("log the model"):
        raise error
    return str(caught.value)


WANTED = "Can't log the model: the server wants a user's name and password. Set "


@pytest.mark.parametrize("error", [MlflowException("x", UNAUTHENTICATED), http_error(401, "You are not authenticated")])
def test_who_gave_no_name_is_told_which_variables_to_set(error, monkeypatch, tmp_path):
    """Whether it is a call or a file; only what is missing is named."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert sentence(error) == f"{WANTED}MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "eve")
    assert sentence(error) == f"{WANTED}MLFLOW_TRACKING_PASSWORD."


def test_a_wrong_password_is_said_with_the_name(monkeypatch):
    """And without the password."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "eve")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "guessed")
    words = sentence(MlflowException("x", UNAUTHENTICATED))
    assert "the server doesn't know the user 'eve', or the password is another one. Correct MLFLOW_TRACKING_" in words
    assert "guessed" not in words


def test_the_name_may_stand_in_a_file(monkeypatch, tmp_path):
    """Where MLflow looks as well: ~/.mlflow/credentials."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".mlflow").mkdir()
    text = "[mlflow]\nmlflow_tracking_username = eve\nmlflow_tracking_password = x\n"
    (tmp_path / ".mlflow" / "credentials").write_text(text)
    assert "doesn't know the user 'eve'" in sentence(MlflowException("x", UNAUTHENTICATED))


@pytest.mark.parametrize(
    "error", [MlflowException("403. Permission denied", PERMISSION_DENIED), http_error(403, "Permission denied")]
)
def test_who_may_not_is_told_so(error, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bob")
    assert "the server doesn't allow it to the user 'bob'. Ask whoever looks after the server" in sentence(error)


@pytest.mark.parametrize(
    "error",
    [
        MlflowException("Invalid Host header - possible DNS rebinding attack detected", PERMISSION_DENIED),
        MlflowException("no such run", BAD_REQUEST),
        http_error(404, "no such file"),
        requests.ConnectionError("refused"),
    ],
)
def test_other_errors_keep_their_own_words(error):
    assert str(error) in sentence(error)
