import shutil
import sys
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.append(str(HERE))

from s3_place import KEYS, OPTIONS, Place  # noqa: E402
from s3_proxy import Proxy  # noqa: E402

from beauty_mlflow.data.splits.manifest import write_split  # noqa: E402
from beauty_mlflow.data.splits.splitting import split_data  # noqa: E402
from beauty_mlflow.progress import silent_progress  # noqa: E402


@pytest.fixture(scope="session")
def moto():
    """The address of a real S3 server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(moto, tmp_path, monkeypatch):
    """An S3 server behind a proxy, as boto3 finds it in the environment."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("BEAUTY_CACHE_DIR", str(tmp_path / "cache"))
    with Proxy(moto).listening() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.uri)
        yield Place(proxy, tmp_path / "cache")


@pytest.fixture(scope="session")
def pictures(draw_sample):
    """A small sample."""
    return draw_sample(classes=3, images=8)


@pytest.fixture(scope="session")
def local_split(pictures):
    """The split of the sample on this machine."""
    return split_data(pictures, OPTIONS, silent_progress).split


@pytest.fixture
def manifest(tmp_path, local_split):
    """Write the manifest of the sample as it lies at a URI."""

    def write(uri, name="split.csv"):
        from dataclasses import replace

        from beauty_mlflow.data.sources.locations import locate

        path = tmp_path / name
        write_split(replace(local_split, folder=locate(uri)), path)
        return path

    return write


@pytest.fixture
def empty_cache(s3):
    """Empty the cache."""

    def call():
        shutil.rmtree(s3.cache, ignore_errors=True)

    return call
