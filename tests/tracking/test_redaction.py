import string
import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.tracking.redaction import redact

ANY = string.ascii_letters + string.digits + string.punctuation
SUB_DELIMITERS = "!$&'()*+,;=:"  # which a URI takes as they are
TOKEN = st.from_regex(r"[A-Za-z0-9_.~-]{1,40}", fullmatch=True)
SECRET = (
    (st.text(ANY, max_size=20) | st.text(ANY, max_size=20).map(lambda text: quote(text, safe=SUB_DELIMITERS)))
    .filter(lambda text: "://" not in text)
    .map(lambda text: f"SECRET{text}SECRET")
)
USER = st.sampled_from(["user", "me@corp.com", "a.b+c@d@e", "o'brien", "o'brien@corp.com", "", "100%25"])
HOST = st.from_regex(r"[a-z][a-z0-9-]{0,10}(\.[a-z]{2,5}){0,2}", fullmatch=True)
SCHEME = st.sampled_from(["http", "https", "postgresql", "mysql+pymysql", "s3", "ssh"])
PATH = st.from_regex(r"(/[a-z0-9._-]{1,8}){0,3}", fullmatch=True)
ROUND = st.sampled_from([("", ""), ("'", "'"), ('"', '"'), ("<", ">"), ("['", "']"), ('{"uri": "', '"}'), ("'", "'.")])
bounded = settings(max_examples=200)


@bounded
@given(SCHEME, USER, SECRET, HOST, PATH, st.text(max_size=20))
def test_no_secret_of_a_uri_is_left(scheme, user, secret, host, path, around):
    """Whatever stands round it, and whatever characters people put into names and passwords."""
    clean = redact(f"{around} {scheme}://{user}:{secret}@{host}{path} {around}")
    assert "SECRET" not in clean
    assert f"{scheme}://***@{host}{path}" in clean


@bounded
@given(SCHEME, SECRET, HOST, PATH, ROUND)
def test_what_stands_round_a_uri_stays(scheme, secret, host, path, around):
    """Quotes and brackets, though a password may hold them as well."""
    first, last = around
    clean = redact(f"{first}{scheme}://me:{secret}@{host}{path}{last} me@example.org")
    assert clean == f"{first}{scheme}://***@{host}{path}{last} me@example.org"
    plain = f"{first}{scheme}://{host}{path}{last} me@example.org"
    assert redact(plain) == plain


@bounded
@given(SCHEME, HOST, SECRET, ROUND, st.sampled_from(["password", "access_token", "X-Amz-Signature", "pwd"]))
def test_no_secret_of_a_query_is_left(scheme, host, secret, around, name):
    """Encoded no further than a query demands."""
    first, last = around
    for sign in "&;#":
        secret = secret.replace(sign, quote(sign))
    clean = redact(f"{first}{scheme}://{host}/x?a=1&{name}={secret}{last} and so on")
    assert clean == f"{first}{scheme}://{host}/x?a=1&{name}=***{last} and so on"


@bounded
@given(st.text(max_size=200) | st.text("a:/@?'\"<>,*5 ", max_size=60))
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


@pytest.mark.parametrize(
    "piece",
    ["x", "'", "a://", "a://b:c", "a://b'", "a://b:c'-", "?", "&token", "?token=a'", "&pwd=a;", "bearer ", "a://b:c@"],
)
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
        ("jdbc:x://h;password=a;b;encrypt=true", "jdbc:x://h;password=***;encrypt=true"),
        ("http://h/?password=a'b", "http://h/?password=***"),
        ('{"uri": "http://h/?password=a"b"}', '{"uri": "http://h/?password=***"}'),
        ("Authorization: Bearer abcdefgh.12345", "Authorization: Bearer ***"),
        ("sqlite:////tmp/a@b/mlflow.db", "sqlite:////tmp/a@b/mlflow.db"),
        ("two https://a:b@x and https://c:d@y", "two https://***@x and https://***@y"),
        ("['https://a:b@x','https://c:d@y']", "['https://***@x','https://***@y']"),
        ("http://h:5000,http://a:b@x,http://i:5000", "http://h:5000,http://***@x,http://i:5000"),
        ('{"uri":"http://host","by":"me@x.org"}', '{"uri":"http://host","by":"me@x.org"}'),
        ("https://me:a/b@host/p", "https://***@host/p"),
        ("http://me:it's@host", "http://***@host"),
        ("'http://me:it's@host'", "'http://***@host'"),
        ("http://me@corp.com:pa/ss@host", "http://***@host"),
        ("http://me:p@ss/word@host/p", "http://***@host/p"),
        ("https://token@github.com/owner/repo@v1", "https://***@github.com/owner/repo@v1"),
        ("https://token@host:5000/a@b", "https://***@host:5000/a@b"),
    ],
)
def test_known_cases(text, clean):
    assert redact(text) == clean
