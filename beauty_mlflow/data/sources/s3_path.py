"""What `data` may be besides a path: a place in S3, with as much of pathlib's interface as reading data needs."""

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Self

from beauty_mlflow.cache.files import Files
from beauty_mlflow.data.decoder_limits import check_file
from beauty_mlflow.data.sources.fetch_budget import FetchBudget, Share
from beauty_mlflow.data.sources.s3_bucket import Bucket
from beauty_mlflow.data.sources.s3_tree import Tree, grow
from beauty_mlflow.data.sources.s3_uri import parse_s3, s3_uri


class Holdings:
    """A bucket and the files of the cache, which all paths that come from one share.

    Args:
        bucket: Where objects are got from.
        cache_gb: What the cache may take; 0 is a fifth of the free space.
        keeps: Whether objects are kept that nobody knew before; those of a known sha256 are in any case.

    Attributes:
        budget: What objects may take of the memory that are fetched and used by the same thread.
    """

    def __init__(self, bucket: Bucket, cache_gb: float = 0, *, keeps: bool = True) -> None:
        self.bucket, self.budget = bucket, FetchBudget()
        self._files, self._keeps = Files(cache_gb), keeps

    def spare(self, wanted: Iterable[str]) -> None:
        """Keep what the cache has of these sha256 from making room for others of them."""
        self._files.spare(wanted)

    def read(self, key: str, sha256: str, size: int, share: Share) -> bytes:
        """Return an object's content, from the cache if its sha256 is known and it is there.

        Args:
            key: The object's.
            sha256: The content's, hex; empty where nobody knows.
            size: In bytes; 0 where nobody knows.
            share: Is made as large as the content, before that is read.
        """
        if sha256:
            share.take(self._files.size(sha256))
            kept = self._files.read(sha256)
            if kept is not None:
                return kept
        check_file(size)
        share.take(size)
        content = self.bucket.get(key, share, sha256)
        if sha256 or self._keeps:
            self._files.keep(content, evict=bool(sha256))
        return content


@dataclass(frozen=True)
class S3Path:
    """A bucket, a prefix that stands for a folder, or an object.

    Attributes:
        holdings: The bucket, and what is kept of it.
        key: Without a slash at its end; empty for the whole bucket.
        sha256: What the object must hold, hex; empty where nobody knows.
        digests: The sha256 of objects below, by their paths from here.
        size: In bytes, where a listing has said it; else 0.
    """

    holdings: Holdings = field(compare=False)
    bucket: str
    key: str
    sha256: str = ""
    digests: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    size: int = field(default=0, compare=False)

    @classmethod
    def parse(cls, uri: str, cache_gb: float = 0, *, keeps: bool = True) -> Self:
        """Return what a URI names; ``cache_gb`` and ``keeps`` are those of ``Holdings``.

        Raises:
            DataError: It is no such URI.
        """
        bucket, key = parse_s3(uri)
        return cls(Holdings(Bucket(bucket), cache_gb, keeps=keeps), bucket, key)

    def __str__(self) -> str:
        return s3_uri(self.bucket, self.key)

    def __truediv__(self, path: str) -> "S3Path":
        tree: Tree | None = self.__dict__.get("tree")  # which isn't listed for this alone
        entry = tree.file(path) if tree else None
        sha256, size = self.digests.get(path, ""), entry.size if entry else 0
        return S3Path(self.holdings, self.bucket, f"{self._prefix}{path}", sha256, size=size)

    @property
    def name(self) -> str:
        """The last part of the key, or the bucket's name."""
        return PurePosixPath(self.key).name or self.bucket

    @property
    def suffix(self) -> str:
        """As pathlib's."""
        return PurePosixPath(self.key).suffix

    @property
    def parent(self) -> "S3Path":
        """The folder that an object lies in."""
        return S3Path(self.holdings, self.bucket, self.key.rpartition("/")[0])

    def with_suffix(self, suffix: str) -> Self:
        """As pathlib's."""
        return replace(self, key=str(PurePosixPath(self.key).with_suffix(suffix)), size=0)

    def absolute(self) -> Self:
        """As pathlib's."""
        return self

    def knowing(self, digests: Mapping[str, str]) -> "S3Path":
        """Return the same folder, where the sha256 of these paths below are known."""
        return replace(self, digests=digests)

    def exists(self) -> bool:
        """Return whether there is such an object, or any below.

        Raises:
            UnreachableDataError: as for all that asks the bucket.
        """
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Return whether there is such an object."""
        return bool(self.key) and any(key == self.key for key, _ in self.holdings.bucket.list(self.key, 1))

    def is_dir(self) -> bool:
        """Return whether there is any object below; a bucket is a folder even if it is empty."""
        return not self.key or any(True for _ in self.holdings.bucket.list(self._prefix, 1))

    def fetch(self, share: Share) -> bytes:
        """Return the object's content, which is that of its sha256 where that is known.

        Args:
            share: Of the memory; is made as large as the content before that is read.

        Raises:
            PictureError: There is no such object, or it was changed; the message is the reason alone.
            UnreachableDataError: Nothing can be read now.
        """
        return self.holdings.read(self.key, self.sha256, self.size, share)

    @contextmanager
    def held(self) -> Iterator[bytes]:
        """Give the content, which counts as in memory until this ends; errors as for ``fetch``."""
        with self.holdings.budget.share() as share:
            yield self.fetch(share)

    def read_bytes(self) -> bytes:
        """Return the content, which doesn't count any more; errors as for ``fetch``."""
        with self.held() as content:
            return content

    def open(self, _: str = "rb") -> io.BytesIO:
        """Return the content as a stream; errors as for ``fetch``."""
        return io.BytesIO(self.read_bytes())

    @cached_property
    def tree(self) -> Tree:
        """What lies below, listed once.

        Raises:
            UnreachableDataError: It can't be listed.
        """
        start = len(self._prefix)
        return grow((key[start:], size) for key, size in self.holdings.bucket.list(self._prefix))

    @property
    def _prefix(self) -> str:
        return f"{self.key}/" if self.key else ""
