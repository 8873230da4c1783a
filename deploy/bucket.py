"""Copy what lies below an s3:// URI into a folder, or a folder to below an s3:// URI.

    python3 bucket.py save s3://bucket/prefix FOLDER
    python3 bucket.py restore FOLDER s3://bucket/prefix

Keys and the endpoint come from the environment, as MLflow's: AWS_*, MLFLOW_S3_ENDPOINT_URL. What a folder has from an
earlier copy isn't fetched again.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

AT_A_TIME = 16
PARTIAL = ".partly-copied"


def save(client: Any, source: str, folder: Path) -> tuple[int, int]:  # noqa: ANN401 - boto3 is untyped
    """Copy every object below a URI that the folder doesn't have; return how many there are.

    The second number is that of the empty objects that only mark folders, which aren't copied.
    """
    bucket, prefix = _parts(source)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    found = [one for page in pages for one in page.get("Contents", ())]
    objects = [one for one in found if one["Size"] or not one["Key"].endswith("/")]

    def fetch(one: dict[str, Any]) -> None:
        if one["Key"].endswith("/"):
            sys.exit(f"error: the object {one['Key']} isn't empty, but called like a folder; move what it holds")
        path = folder / one["Key"].removeprefix(prefix)
        if folder.resolve() not in path.resolve().parents:
            sys.exit(f"error: the object {one['Key']} would lie outside of {folder}")
        written = one["LastModified"].timestamp()
        if path.exists() and (path.stat().st_size, path.stat().st_mtime) == (one["Size"], written):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}{PARTIAL}")
        client.download_file(bucket, one["Key"], str(partial))
        os.utime(partial, (written, written))
        partial.replace(path)

    _each(fetch, objects)
    return len(objects), len(found) - len(objects)


def restore(client: Any, folder: Path, target: str) -> int:  # noqa: ANN401 - boto3 is untyped
    """Copy every file of a folder to below a URI; return how many there are."""
    bucket, prefix = _parts(target)
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(PARTIAL)]
    _each(lambda path: client.upload_file(str(path), bucket, prefix + path.relative_to(folder).as_posix()), files)
    return len(files)


def _each(work: Any, items: list[Any]) -> None:  # noqa: ANN401 - any callable of one item
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(work, items))  # raises what a copy raised


def _parts(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        sys.exit(f"error: '{uri}' is no place on S3; expected s3://bucket/prefix")
    prefix = parts.path.strip("/")
    return parts.netloc, f"{prefix}/" if prefix else ""


def main() -> None:
    """Do what the arguments say, and print how many files there are."""
    if len(sys.argv) != 4 or sys.argv[1] not in ("save", "restore"):  # noqa: PLR2004 - a word and two places
        sys.exit(__doc__)
    client = boto3.client("s3", endpoint_url=os.environ.get("MLFLOW_S3_ENDPOINT_URL"))
    if sys.argv[1] == "save":
        saved, marks = save(client, sys.argv[2], Path(sys.argv[3]))
        print(f"artifacts: {saved}")
        if marks:
            print(f"left out: {marks} empty objects that only mark folders")
    else:
        print(f"artifacts: {restore(client, Path(sys.argv[2]), sys.argv[3])}")


if __name__ == "__main__":
    main()
