"""An S3 server as the tests see it."""

import boto3
from botocore.config import Config
from moto.s3.models import s3_backends

from beauty_mlflow.data.splits.splitting import SplitOptions

KEYS = {"AWS_ACCESS_KEY_ID": "AKIATESTS", "AWS_SECRET_ACCESS_KEY": "the-secret-of-the-tests"}
OPTIONS = SplitOptions(train=0.5, val=0.25, test=0.25)


class Place:
    """Buckets, the proxy before them, and a cache of the test's own."""

    def __init__(self, proxy, cache):
        self.proxy, self.cache = proxy, cache
        self.client = boto3.client(
            "s3",
            endpoint_url=proxy.upstream,
            region_name="us-east-1",
            aws_access_key_id="uploads",
            aws_secret_access_key="uploads",  # noqa: S106 - of no use elsewhere
            config=Config(retries={"max_attempts": 0}),
        )
        self._made = 0

    def bucket(self):
        """Make a bucket and return its name."""
        name = f"tests-{self.cache.parent.name}-{self._made}".lower().replace("_", "-")[-60:].strip("-")
        self._made += 1
        self.client.create_bucket(Bucket=name)
        return name

    def upload(self, folder, prefix="boxes"):
        """Put a folder into a new bucket and return its URI."""
        bucket = self.bucket()
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"s3://{bucket}/{prefix}", path.relative_to(folder).as_posix(), path.read_bytes())
        return f"s3://{bucket}/{prefix}"

    def put(self, uri, path, content):
        """Put an object below a URI."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        self.client.put_object(Bucket=bucket, Key=f"{prefix}/{path}" if prefix else path, Body=content)

    def put_any(self, uri, path, content):
        """Put an object under a key that the server's own HTTP front doesn't take."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        s3_backends["123456789012"]["aws"].put_object(bucket, f"{prefix}/{path}", content)

    def delete(self, uri, path):
        """Remove an object below a URI."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        self.client.delete_object(Bucket=bucket, Key=f"{prefix}/{path}")

    @property
    def files(self):
        """What the cache keeps; what a killed process was writing isn't."""
        return sorted(path for path in (self.cache / "entries" / "files").glob("*/[!.]*"))
