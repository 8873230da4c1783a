"""How much of what is fetched waits in memory."""

import hashlib

from beauty_mlflow.data.sources.locations import knowing, locate
from beauty_mlflow.data.sources.reading import Fetched, read_ahead
from beauty_mlflow.data.sources.s3_path import AHEAD_BYTES, S3Path


def test_large_objects_are_not_fetched_ahead_though_nobody_listed_them(s3):
    """A table names them, so that their sizes are known only from the server's answer."""
    uri = f"s3://{s3.bucket()}/boxes"
    s3.put(uri, "small", b"1" * AHEAD_BYTES)
    s3.put(uri, "large", b"2" * (AHEAD_BYTES + 1))
    files = list(read_ahead(locate(uri), ["small", "large", "missing"]))
    assert [type(file) for file in files] == [Fetched, S3Path, Fetched]
    assert [len(file.read_bytes()) for file in files[:2]] == [AHEAD_BYTES, AHEAD_BYTES + 1]
    assert files[2].problem == "there is no such object"


def test_the_size_is_told_before_the_content_is_in_memory(s3):
    """From the server, and from the cache."""
    uri = f"s3://{s3.bucket()}/boxes"
    s3.put(uri, "one", b"12345")
    folder = knowing(locate(uri), ["one"], [hashlib.sha256(b"12345").hexdigest()])
    for requests_more in (True, False):
        told, before = [], len(s3.proxy.requests)
        assert (folder / "one").read_bytes(told.append) == b"12345"
        assert told == [5]
        assert (len(s3.proxy.requests) > before) == requests_more
