"""Is the store there? Asked before MLflow is, which would try a dead one for minutes."""

import socket
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import requests
from mlflow.exceptions import MlflowException
from mlflow.tracking.request_header.registry import resolve_request_headers
from mlflow.utils.credentials import get_default_host_creds
from requests.adapters import HTTPAdapter
from sqlalchemy.engine import make_url
from urllib3.util.retry import Retry

from beauty_mlflow.errors import TrackingError, UnreachableError
from beauty_mlflow.tracking.redaction import redact

# /health answers for a server whose database hangs; this asks that once, whatever the user may see
PROBE = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default"
PROBE_SECONDS = 14
CONNECT_SECONDS = 4
ANSWER_SECONDS = 10
CONNECT_ATTEMPTS = 3
LONGEST_ANSWER = 200  # bytes of what a server that refuses says
GATEWAY_ERRORS = (502, 503, 504)
MISDIRECTED = (400, 421, 426)  # the request itself is wrong: http where https is spoken, another server's name
DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def check_reachable(uri: str) -> None:
    """Return where the store answers; a server or database gets 14 seconds in all.

    Raises:
        TrackingError: It is not there, doesn't answer, or its SQLite file is none.
    """
    scheme = urlsplit(uri).scheme.partition("+")[0]
    if scheme in ("http", "https"):
        _within(PROBE_SECONDS, _ask_server, uri)
    elif scheme == "sqlite":
        _check_sqlite(uri)
    elif scheme in DATABASE_PORTS:
        _within(PROBE_SECONDS, _connect_database, uri)


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a ``sqlite:///`` URI; None where it is no such URI, or the database is in memory."""
    if not urlsplit(uri).scheme.startswith("sqlite"):
        return None
    path = make_url(uri).database
    return Path(path).absolute() if path and path != ":memory:" else None


def _within(seconds: float, probe: Callable[[str], None], uri: str) -> None:
    failures: list[Exception] = [TimeoutError(f"no answer within {seconds:g} seconds")]

    def attempt() -> None:
        try:
            probe(uri)
        except (OSError, ValueError, MlflowException) as error:
            failures.append(error)
        else:
            failures.clear()

    thread = threading.Thread(target=attempt, daemon=True)  # a name look-up can't be given a time limit
    thread.start()
    thread.join(seconds)
    if failures:
        raise UnreachableError(_missing(uri, failures[-1])) from failures[-1]


def _ask_server(uri: str) -> None:
    retry = Retry(total=None, connect=CONNECT_ATTEMPTS - 1, read=0, redirect=3, status=0, other=0, backoff_factor=0.5)
    trust = get_default_host_creds(uri)  # MLFLOW_TRACKING_SERVER_CERT_PATH and such, as for every other call
    with requests.Session() as session:
        session.cert = trust.client_cert_path
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        session.headers.update(resolve_request_headers())
        if trust.token:
            session.headers["Authorization"] = f"Bearer {trust.token}"
        elif trust.username and trust.password:
            session.auth = (trust.username.encode(), trust.password.encode())
        options = {"timeout": (CONNECT_SECONDS, ANSWER_SECONDS), "stream": True, "verify": trust.verify}
        with session.get(f"{uri.rstrip('/')}{PROBE}", **options) as answer:
            if answer.status_code in GATEWAY_ERRORS:
                raise requests.HTTPError(f"a gateway answered {answer.status_code} {answer.reason}")
            if answer.status_code in MISDIRECTED:
                words = answer.raw.read(LONGEST_ANSWER, decode_content=True).decode(errors="replace")
                if "error_code" in words:  # MLflow itself, which has something else against the question
                    return
                raise requests.HTTPError(f"it answered {answer.status_code}: {words or answer.reason}")


def _connect_database(uri: str) -> None:
    parts = urlsplit(uri)
    if parts.hostname:
        port = parts.port or DATABASE_PORTS[parts.scheme.partition("+")[0]]
        socket.create_connection((parts.hostname, port), timeout=ANSWER_SECONDS).close()


def _check_sqlite(uri: str) -> None:
    path = sqlite_path(uri)
    if path is None or not path.exists():
        return
    try:
        connection = sqlite3.connect(path, timeout=ANSWER_SECONDS)
        try:
            connection.execute("PRAGMA schema_version").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise TrackingError(
            f"The tracking store {path} can't be opened as an SQLite database: {error}. "
            "Set MLFLOW_TRACKING_URI to another store, or move that file away."
        ) from error


def _missing(uri: str, error: Exception) -> str:
    reason = " ".join(redact(str(error)).split())[:300].rstrip(".")
    remedy = (
        "Start it, correct MLFLOW_TRACKING_URI, or unset MLFLOW_TRACKING_URI to use the project's own SQLite store."
    )
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        remedy = (
            "Let MLFLOW_TRACKING_SERVER_CERT_PATH or REQUESTS_CA_BUNDLE name the file with the certificate of who "
            "signed the server's, or correct MLFLOW_TRACKING_URI."
        )
    return f"The tracking server {redact(uri)} can't be reached: {reason}. {remedy}"
