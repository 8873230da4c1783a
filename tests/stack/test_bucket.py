"""deploy/bucket.py, against a real S3 server."""

import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

SCRIPT = Path(__file__).parents[2] / "deploy" / "bucket.py"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


class Store:
    """Buckets, and the script as a process that reaches them."""

    def __init__(self, uri):
        self.uri = uri
        names = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
        self.client = boto3.client("s3", endpoint_url=uri, **names)

    def put(self, bucket, **contents):
        self.client.create_bucket(Bucket=bucket)
        for key, content in contents.items():
            self.client.put_object(Bucket=bucket, Key=key, Body=content)

    def run(self, *arguments):
        environment = {**os.environ, **KEYS, "MLFLOW_S3_ENDPOINT_URL": self.uri}
        command = [sys.executable, str(SCRIPT), *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def store():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Store(f"http://{host}:{port}")
    server.stop()


def test_marks_of_folders_are_left_out(store, tmp_path):
    """What a console makes for a folder; all else is saved, empty files too, and comes back as it was."""
    files = {"mlflow/1/a.txt": b"a", "mlflow/1/deep/er/b.txt": b"b", "mlflow/1/deep/empty": b""}
    store.put("marked", **files, **dict.fromkeys(("mlflow/", "mlflow/1/", "mlflow/1/deep/", "mlflow/none/"), b""))
    for _ in range(2):
        done = store.run("save", "s3://marked/mlflow", tmp_path / "saved")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "artifacts: 3\nleft out: 4 empty objects that only mark folders\n"
    store.put("restored")
    done = store.run("restore", tmp_path / "saved", "s3://restored/mlflow")
    assert (done.returncode, done.stdout) == (0, "artifacts: 3\n")
    found = store.client.list_objects_v2(Bucket="restored")["Contents"]
    assert {one["Key"]: one["Size"] for one in found} == {key: len(content) for key, content in files.items()}


def test_a_folder_that_holds_something_itself_is_an_error(store, tmp_path):
    """It can't be a file, and nothing is lost without a word."""
    store.put("odd", **{"a/b.txt": b"b", "a/": b"content"})
    done = store.run("save", "s3://odd", tmp_path / "saved")
    assert done.returncode == 1
    assert done.stderr == "error: the object a/ isn't empty, but called like a folder; move what it holds\n"
