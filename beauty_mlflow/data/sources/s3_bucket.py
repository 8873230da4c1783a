"""One bucket, as far as reading needs it. boto3 is imported when the first request is made."""

import hashlib
import random
import re
import time
from collections.abc import Iterator
from contextlib import closing
from threading import Lock
from typing import Any

from beauty_mlflow.data.decoder_limits import check_file
from beauty_mlflow.data.regular import Admit, admit_all
from beauty_mlflow.data.sources.s3_uri import s3_uri
from beauty_mlflow.errors import PictureError, UnreachableDataError

THREADS = 32  # requests at once: of small objects each is mostly waiting
_ATTEMPTS = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0  # seconds
_CONNECT_SECONDS, _READ_SECONDS = 4, 20
_CONTACT_SECONDS = 7  # for the first answer, so that an endpoint that never gives one is known within 30 s
_DOWN_SECONDS = 30  # so long nobody tries what has just failed many times
_MISSING = {"NoSuchKey", "NoSuchVersion", "404"}
_MD5 = re.compile('"?([0-9a-f]{32})"?')
_ARCHIVED = "InvalidObjectState"


class Bucket:
    """Lists and gets a bucket's objects; many threads may at once.

    Credentials and endpoint are found by boto3's own rules.

    Args:
        name: The bucket's.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = Lock()
        self._client: Any = None
        self._down: UnreachableDataError | None = None
        self._down_until = 0.0

    def list(self, prefix: str, most: int | None = None) -> Iterator[tuple[str, int]]:
        """Yield the keys that begin with a prefix, each with its size in bytes, in the order of their UTF-8.

        Args:
            prefix: Of the keys.
            most: How many of them; None is all.

        Raises:
            UnreachableDataError: The bucket can't be listed.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        from beauty_mlflow.data.sources.s3_errors import explain

        client = self._contacted()
        try:
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name,
                Prefix=prefix,
                PaginationConfig={"MaxItems": most, "PageSize": min(most or 1000, 1000)},
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    yield found["Key"], found["Size"]
        except (BotoCoreError, ClientError) as error:
            raise explain(error, s3_uri(self.name, prefix)) from None

    def get(  # noqa: C901 - all that can go wrong on the way, in its order
        self, key: str, sha256: str = "", admit: Admit = admit_all
    ) -> bytes:
        """Return an object's content. What is cut off, refused for a while or damaged on the way is fetched again.

        Args:
            key: The object's.
            sha256: What the content must have, where that is known; else the object's own checksum is compared.
            admit: As a ``FarFile``'s; each time that it is fetched.

        Raises:
            PictureError: There is no such object (any more), it is archived or too large, or it was changed.
            UnreachableDataError: Nothing can be read there now.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        from beauty_mlflow.data.sources.s3_errors import code_of, explain, is_transient

        client = self._contacted()
        wrong: bytes | None = None
        for pause in _pauses():
            try:
                content, checksum = self._download(client, key, admit)
            except (BotoCoreError, ClientError) as error:
                if code_of(error) in _MISSING:
                    raise PictureError("there is no such object") from None
                if code_of(error) == _ARCHIVED:
                    raise PictureError("it is archived; restore it first") from None
                if not is_transient(error):
                    raise explain(error, s3_uri(self.name, key)) from None
                if pause is None:
                    raise self._lost(explain(error, s3_uri(self.name, key))) from None
            else:
                if _is_right(content, sha256, checksum):
                    return content
                if content == wrong:  # twice the same: that is what the object holds
                    return _other(content, sha256)
                if pause is None:
                    raise UnreachableDataError(f"'{s3_uri(self.name, key)}' arrives damaged, each time otherwise.")
                wrong = content
            time.sleep(pause)
        raise AssertionError  # the last attempt has returned or raised

    def _download(self, client: Any, key: str, admit: Admit) -> tuple[bytes, str]:  # noqa: ANN401 - boto3 is untyped
        answer = client.get_object(Bucket=self.name, Key=key)
        with closing(answer["Body"]) as body:  # as a context manager itself it gives the bare stream, unchecked
            check_file(answer["ContentLength"])
            admit(answer["ContentLength"])
            return body.read(), answer.get("ETag", "")

    def _contacted(self) -> Any:  # noqa: ANN401 - boto3 is untyped
        """Return the client, once the server has answered anything at all, and unless it was lost just now."""
        with self._lock:
            if self._down and time.monotonic() < self._down_until:
                raise self._down
            if self._client is None:
                self._client = self._contact()
            return self._client

    def _lost(self, error: UnreachableDataError) -> UnreachableDataError:
        """Remember an error, so that many threads don't find out the same one after the other, and return it."""
        self._down, self._down_until = error, time.monotonic() + _DOWN_SECONDS
        return error

    def _contact(self) -> Any:  # noqa: ANN401 - boto3 is untyped
        import boto3.session  # type: ignore[import-untyped]
        from botocore.exceptions import BotoCoreError, ClientError

        from beauty_mlflow.data.sources.s3_errors import code_of, explain

        try:
            session = boto3.session.Session()
            _client(session, _CONTACT_SECONDS).head_bucket(Bucket=self.name)
        except ClientError as error:
            if code_of(error) in {"404", "NoSuchBucket"}:
                raise self._lost(explain(error, s3_uri(self.name, ""))) from None
        except (BotoCoreError, ValueError) as error:  # boto3 calls a malformed endpoint a ValueError
            raise self._lost(explain(error, s3_uri(self.name, ""))) from None
        return _client(session, _READ_SECONDS)


def _client(session: Any, read_seconds: float) -> Any:  # noqa: ANN401 - boto3 is untyped
    from botocore.config import Config  # type: ignore[import-untyped]

    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=THREADS,
    )
    return session.client("s3", config=config)


def _pauses() -> Iterator[float | None]:
    """Yield the pause after each attempt, in seconds; after the last one there is none."""
    longest = _FIRST_PAUSE
    for _ in range(_ATTEMPTS - 1):
        yield longest * random.uniform(0.5, 1)  # noqa: S311 - so that threads don't come back all at once
        longest = min(4 * longest, _LONGEST_PAUSE)
    yield None


def _is_right(content: bytes, sha256: str, etag: str) -> bool:
    if sha256:
        return hashlib.sha256(content).hexdigest() == sha256
    md5 = _MD5.fullmatch(etag)  # of what was uploaded in one piece and isn't encrypted by a key service
    return md5 is None or hashlib.md5(content, usedforsecurity=False).hexdigest() == md5[1]


def _other(content: bytes, sha256: str) -> bytes:
    """Return what came twice the same way, though it doesn't have the checksum that it should."""
    if sha256:
        raise PictureError("it was changed since the split was made")
    return content
