import contextlib
import socket
import threading
import time

import pytest
from database_server import free_port

from beauty_mlflow.errors import TrackingError, UnreachableError
from beauty_mlflow.tracking.reachable import check_reachable, sqlite_path
from beauty_mlflow.tracking.store import connect


@contextlib.contextmanager
def listening(answer=None):
    """A server that accepts; it answers with the given bytes, or never."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        held = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    held.append(connection)
                    if answer:
                        connection.recv(4096)
                        connection.sendall(answer)
                        connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


def seconds_to_refuse(uri, match):
    begun = time.monotonic()
    with pytest.raises(TrackingError, match=match) as caught:
        check_reachable(uri)
    assert "secret" not in str(caught.value)
    return time.monotonic() - begun


@pytest.mark.parametrize("scheme", ["http", "postgresql", "mysql+pymysql"])
def test_a_server_that_is_not_there_is_said_without_its_credentials(scheme):
    uri = f"{scheme}://me:secret@127.0.0.1:{free_port()}"
    assert seconds_to_refuse(uri, r"://\*\*\*@127\.0\.0\.1:\d+ can't be reached.*unset MLFLOW_TRACKING_URI") < 10


def test_a_name_that_no_server_has_is_said():
    assert seconds_to_refuse("http://me:secret@no-such-host.invalid:5000", "can't be reached") < 25


def test_a_gateway_without_a_server_behind_it_is_said():
    with listening(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n") as port:
        assert seconds_to_refuse(f"http://127.0.0.1:{port}", "a gateway answered 502") < 10


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 10\r\n\r\nhttps only",
        b"HTTP/1.1 421 Misdirected Request\r\nContent-Length: 11\r\n\r\nnot my name",
    ],
)
def test_a_server_that_speaks_otherwise_is_said_with_its_words(answer):
    with listening(answer) as port:
        assert seconds_to_refuse(f"http://127.0.0.1:{port}", r"answered 42[16]: (https only|not my name)") < 10


def test_trust_that_contradicts_itself_is_said(monkeypatch):
    """A certificate to trust, and the wish to trust anybody: MLflow's own error, not a server that doesn't answer."""
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", "some.crt")
    with listening(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK") as port:
        assert seconds_to_refuse(f"https://127.0.0.1:{port}", "server_cert_path.* must not be set") < 10


@pytest.mark.slow
def test_a_server_that_never_answers_is_given_up_within_30_seconds(monkeypatch):
    with listening() as port:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{port}")
        begun = time.monotonic()
        with pytest.raises(TrackingError, match="can't be reached"):
            connect()
        assert time.monotonic() - begun < 30


@pytest.mark.slow
def test_a_server_whose_database_hangs_is_given_up_within_30_seconds(faults):
    """It still says that it is healthy."""
    faults.delay, faults.only = 60, lambda _, path: not path.startswith("/health")
    begun = time.monotonic()
    with pytest.raises(UnreachableError, match="can't be reached"):
        connect()
    assert time.monotonic() - begun < 30


def test_a_server_is_reachable_whatever_it_thinks_of_the_question():
    """A server behind a login answers 401; that it is there is all that is asked."""
    with listening(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n") as port:
        check_reachable(f"http://127.0.0.1:{port}")


def test_a_question_that_mlflow_itself_refuses_was_answered(monkeypatch):
    """And a name or password may be of any letters."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "jürgen")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "pa€ß")
    body = b'{"error_code": "INVALID_PARAMETER_VALUE"}'
    with listening(b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)) as port:
        check_reachable(f"http://127.0.0.1:{port}")


def test_stores_on_this_machine_need_no_server(tmp_path):
    for uri in (f"sqlite:///{tmp_path}/new.db", "sqlite://", str(tmp_path), tmp_path.as_uri()):
        check_reachable(uri)
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_an_sqlite_uri(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sqlite_path("sqlite:///mlflow.db") == tmp_path / "mlflow.db"
    assert sqlite_path("sqlite:////a/b%20c.db").as_posix() == "/a/b c.db"
    assert sqlite_path("sqlite+pysqlite:////a/b.db").as_posix() == "/a/b.db"
    assert [sqlite_path(uri) for uri in ("sqlite://", "sqlite:///:memory:", "http://host/a.db")] == [None] * 3
