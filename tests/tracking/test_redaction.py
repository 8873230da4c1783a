import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.tracking.redaction import redact

TOKEN = st.from_regex(r"[A-Za-z0-9_.~-]{1,40}", fullmatch=True)
PLAIN = string.ascii_letters + string.digits + "-_.~!$%^*+=:"
SECRET = (st.text(PLAIN + "@", max_size=20) | st.text(PLAIN + "/#?", max_size=20)).map("SECRET".__add__)
HOST = st.from_regex(r"[a-z][a-z0-9-]{0,10}(\.[a-z]{2,5}){0,2}", fullmatch=True)
SCHEME = st.sampled_from(["http", "https", "postgresql", "mysql+pymysql", "s3", "ssh"])
PATH = st.from_regex(r"(/[a-z0-9._-]{1,8}){0,3}", fullmatch=True)
bounded = settings(max_examples=50)


@bounded
@given(SCHEME, SECRET, HOST, PATH, st.text(max_size=20))
def test_no_secret_of_a_uri_is_left(scheme, secret, host, path, around):
    """Whatever stands round it, and whatever characters people put into passwords."""
    clean = redact(f"{around} {scheme}://user:{secret}@{host}{path} {around}")
    assert "SECRET" not in clean
    assert f"{scheme}://***@{host}{path}" in clean


@bounded
@given(st.text(max_size=200))
def test_redacting_twice_is_redacting_once(text):
    assert redact(redact(text)) == redact(text)


@bounded
@given(SCHEME, TOKEN, HOST, PATH)
def test_a_token_alone_is_hidden(scheme, token, host, path):
    assert redact(f"{scheme}://{token}@{host}{path}") == f"{scheme}://***@{host}{path}"


@bounded
@given(SCHEME, HOST, st.integers(1, 65535), PATH)
def test_a_uri_without_credentials_stays(scheme, host, port, path):
    uri = f"{scheme}://{host}:{port}{path}"
    assert redact(uri) == uri


@pytest.mark.parametrize("piece", ["x", "a://", "a://b:c", "?", "&token", "bearer ", "a://b:c@"])
def test_a_long_text_takes_no_longer_than_its_length(piece):
    """A hundred thousand characters in well under a second: no expression goes over the text again and again."""
    text = piece * (100_000 // len(piece))
    begun = time.perf_counter()
    redact(text)
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("https://github.com/@scope/package", "https://github.com/@scope/package"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),
        ("git@github.com:owner/repo.git", "git@github.com:owner/repo.git"),
        ("mail me@example.org or http://host/", "mail me@example.org or http://host/"),
        ("models:/shelf@champion", "models:/shelf@champion"),
        ("s3://bucket/x?AWSAccessKeyId=AKIA&x=1", "s3://bucket/x?AWSAccessKeyId=***&x=1"),
        ("https://h/x?size=1&access_token=abc#f", "https://h/x?size=1&access_token=***#f"),
        ("https://h/x?sv=2&sig=a%2Bb", "https://h/x?sv=2&sig=***"),
        ("Authorization: Bearer abcdefgh.12345", "Authorization: Bearer ***"),
        ("sqlite:////tmp/a@b/mlflow.db", "sqlite:////tmp/a@b/mlflow.db"),
        ("two https://a:b@x and https://c:d@y", "two https://***@x and https://***@y"),
        ("https://me:a/b@host/p", "https://***@host/p"),
    ],
)
def test_known_cases(text, clean):
    assert redact(text) == clean
