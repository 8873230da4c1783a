"""One bucket, as far as reading needs it. boto3 is imported when the first request is made."""

import hashlib
import io
import random
import re
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from threading import Lock
from typing import Any

from beauty_mlflow.data.decoder_limits import check_file
from beauty_mlflow.data.sources.fetch_budget import Share
from beauty_mlflow.data.sources.s3_uri import s3_uri
from beauty_mlflow.errors import PictureError, UnreachableDataError

THREADS = 32  # requests at once: of small objects each is mostly waiting
_ATTEMPTS = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0  # seconds
_SILENT_SECONDS = 29  # so long nothing may come of one object or page, all attempts together
_CONNECT_SECONDS, _READ_SECONDS = 4, 12
_CONTACT_SECONDS, _CONTACT_ATTEMPTS = 7, 3  # for the first answer, which is known to lack as soon
_DOWN_SECONDS = 30  # so long nobody tries what has just failed many times
_PAGE = 1000  # keys, S3's own limit
_PIECE = 2**16  # bytes
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
        return islice(self._all(prefix, min(most or _PAGE, _PAGE)), most)

    def get(self, key: str, share: Share, sha256: str = "") -> bytes:
        """Return an object's content. What is cut off, refused for a while or damaged on the way is fetched again.

        Args:
            key: The object's.
            share: Is made as large as the content before that is read.
            sha256: What the content must have, where that is known; else the object's own checksum is compared.

        Raises:
            PictureError: There is no such object (any more), it is archived or too large, or it was changed.
            UnreachableDataError: Nothing can be read there now.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        from beauty_mlflow.data.sources.s3_errors import code_of

        client, patience = self._contacted(), _Patience()
        wrong = b""
        while True:
            try:
                content, checksum = _download(client, self.name, key, share, patience)
            except (BotoCoreError, ClientError) as error:
                if code_of(error) in _MISSING:
                    raise PictureError("there is no such object") from None
                if code_of(error) == _ARCHIVED:
                    raise PictureError("it is archived; restore it first") from None
                self._wait_after(error, key, patience)
            else:
                if _is_right(content, sha256, checksum):
                    return content
                found = hashlib.sha256(content).digest()
                if found == wrong:  # twice the same: that is what the object holds
                    return _other(content, sha256)
                wrong = found
                del content  # the next one would be in memory beside it
                if not patience.wait():
                    raise UnreachableDataError(f"'{s3_uri(self.name, key)}' arrives damaged, each time otherwise.")

    def _all(self, prefix: str, most: int) -> Iterator[tuple[str, int]]:
        """Yield all keys that begin with a prefix, with their sizes, and ask for so many at once."""
        client = self._contacted()
        place: dict[str, str] = {}
        while True:
            page = self._page(client, prefix, most, place)
            for found in page.get("Contents", ()):
                yield found["Key"], found["Size"]
            if not page.get("IsTruncated"):
                return
            place = {"ContinuationToken": page["NextContinuationToken"]}

    def _page(self, client: Any, prefix: str, most: int, place: dict[str, str]) -> Any:  # noqa: ANN401 - boto3 is untyped
        from botocore.exceptions import BotoCoreError, ClientError

        patience = _Patience()
        while True:
            try:
                return client.list_objects_v2(Bucket=self.name, Prefix=prefix, MaxKeys=most, **place)
            except (BotoCoreError, ClientError) as error:
                self._wait_after(error, prefix, patience)

    def _wait_after(self, error: Exception, key: str, patience: "_Patience") -> None:
        """Wait before the next attempt, or raise what the error says if there is none."""
        from beauty_mlflow.data.sources.s3_errors import explain, is_transient

        if not is_transient(error):
            raise explain(error, s3_uri(self.name, key)) from None
        if not patience.wait():
            raise self._lost(explain(error, s3_uri(self.name, key))) from None

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
            _client(session, _CONTACT_SECONDS, _CONTACT_ATTEMPTS).head_bucket(Bucket=self.name)
        except ClientError as error:
            if code_of(error) in {"404", "NoSuchBucket"}:
                raise self._lost(explain(error, s3_uri(self.name, ""))) from None
        except (BotoCoreError, ValueError) as error:  # boto3 calls a malformed endpoint a ValueError
            raise self._lost(explain(error, s3_uri(self.name, ""))) from None
        return _client(session, _READ_SECONDS, 1)


class _Patience:
    """How often something is tried, and for how long while nothing comes."""

    def __init__(self) -> None:
        self._pauses = _pauses()
        self._silent = 0.0
        self._heard = time.monotonic()

    def hear(self) -> None:
        """Note that something has come, or that nothing was asked for until now."""
        self._heard = time.monotonic()

    def wait(self) -> bool:
        """Pause before the next attempt and return True; or return False at once if there is to be none."""
        pause = next(self._pauses, None)
        if pause is None:
            return False
        self._silent += time.monotonic() - self._heard + pause
        if self._silent + _CONNECT_SECONDS + _READ_SECONDS > _SILENT_SECONDS:
            return False
        time.sleep(pause)
        self.hear()
        return True


def _client(session: Any, read_seconds: float, attempts: int) -> Any:  # noqa: ANN401 - boto3 is untyped
    from botocore.config import Config  # type: ignore[import-untyped]

    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=THREADS,
    )
    return session.client("s3", config=config)


def _download(client: Any, bucket: str, key: str, share: Share, patience: _Patience) -> tuple[bytes, str]:  # noqa: ANN401 - boto3 is untyped
    """Return an object's content and its ETag."""
    while True:
        answer = client.get_object(Bucket=bucket, Key=key)
        patience.hear()
        with closing(answer["Body"]) as body:  # as a context manager itself it gives the bare stream, unchecked
            check_file(answer["ContentLength"])
            if share.try_take(answer["ContentLength"]):
                return _read(body, patience), answer.get("ETag", "")
        share.take(answer["ContentLength"])  # no answer stays open meanwhile: a server closes what nobody reads
        patience.hear()


def _read(body: Any, patience: _Patience) -> bytes:  # noqa: ANN401 - boto3 is untyped
    content = io.BytesIO()  # which doesn't copy what it gives
    while piece := body.read(_PIECE):
        content.write(piece)
        patience.hear()
    return content.getvalue()


def _pauses() -> Iterator[float]:
    """Yield the pauses between the attempts, in seconds."""
    longest = _FIRST_PAUSE
    for _ in range(_ATTEMPTS - 1):
        yield longest * random.uniform(0.5, 1)  # noqa: S311 - so that threads don't come back all at once
        longest = min(4 * longest, _LONGEST_PAUSE)


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
