"""URIs of what lies in S3."""

import re

from beauty_mlflow.errors import DataError

SCHEME = "s3://"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_EXPECTED = "expected s3://bucket or s3://bucket/prefix"


def is_s3(text: str) -> bool:
    """Return whether a text is meant as such a URI."""
    return text[: len(SCHEME)].lower() == SCHEME


def parse_s3(text: str) -> tuple[str, str]:
    """Return a URI's bucket and key, which is empty for the whole bucket and has no slash at its end.

    Raises:
        DataError: It is no such URI, or holds credentials, which aren't repeated in the message.
    """
    bucket, _, key = text[len(SCHEME) :].partition("/")
    if "@" in bucket or ":" in bucket:
        raise DataError(
            "'s3://***' names more than a bucket before the first slash. Leave user and password out: credentials come "
            f"from the environment or AWS's files, an endpoint from AWS_ENDPOINT_URL; {_EXPECTED}"
        )
    if not _BUCKET.fullmatch(bucket):
        raise DataError(f"'{text[:200]}' names no bucket; {_EXPECTED}")
    return bucket, key.rstrip("/")


def s3_uri(bucket: str, key: str) -> str:
    """Return the URI of a key."""
    return f"{SCHEME}{bucket}/{key}" if key else f"{SCHEME}{bucket}"
