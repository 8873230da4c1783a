"""What is fetched is kept once, under its sha256, within the cache's limit."""

import hashlib
import os
import signal
import subprocess
import sys
import time

import pytest
from s3_place import OPTIONS

from beauty_mlflow.cache.store import Cache
from beauty_mlflow.data.images import decode
from beauty_mlflow.data.sources.locations import locate
from beauty_mlflow.data.splits.manifest import read_split
from beauty_mlflow.data.splits.splitting import split_data
from beauty_mlflow.progress import silent_progress

OPEN = """
import sys
from pathlib import Path
from beauty_mlflow.data.splits.manifest import read_split
print(read_split(Path(sys.argv[1])).fingerprint)
"""


def opener(path):
    return subprocess.Popen([sys.executable, "-c", OPEN, str(path)], stdout=subprocess.PIPE, text=True)


def all_whole(files):
    return all(hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in files)


def test_splitting_fetches_and_opening_needs_nothing_more(s3, pictures, manifest):
    """What splitting has read needn't be fetched for training, and the server isn't even asked."""
    uri = s3.upload(pictures)
    split_data(locate(uri), OPTIONS, silent_progress)
    s3.proxy.requests.clear()
    read_split(manifest(uri))
    assert s3.proxy.requests == []


def test_the_same_picture_elsewhere_is_the_same(s3, pictures, manifest, tmp_path):
    """In another bucket, under another name, in another manifest: it is fetched once."""
    read_split(manifest(s3.upload(pictures)))
    s3.proxy.requests.clear()
    read_split(manifest(s3.upload(pictures, "other"), "other.csv"))
    assert s3.proxy.requests == []


def test_a_kept_picture_is_compared_with_its_name(s3, pictures, local_split, manifest):
    """One that was spoilt on this machine's disk is fetched again."""
    path = manifest(s3.upload(pictures))
    read_split(path)
    spoilt = s3.files[3]
    spoilt.write_bytes(spoilt.read_bytes()[:-1])
    s3.proxy.requests.clear()
    split = read_split(path)
    assert len(s3.proxy.objects) == 1
    assert all_whole(s3.files)
    for place in local_split.table["path"]:
        assert (decode(split.folder / place) == decode(pictures / place)).all()


def test_a_small_limit_holds(s3, pictures, local_split, manifest, capsys):
    """What has no room is fetched each time, which is said; nothing fails, and nothing in the limit is lost."""
    path = manifest(s3.upload(pictures))
    sizes = [(pictures / place).stat().st_size for place in local_split.table["path"]]
    limit = sum(sizes) // 2
    counts = []
    for _ in range(2):
        split = read_split(path, cache_gb=limit / 1e9)
        counts.append(len(s3.files))
        assert 0 < sum(file.stat().st_size for file in s3.files) <= limit
        assert (
            "has no room for more of them: pictures that aren't in it are fetched each time" in capsys.readouterr().err
        )
    assert len(s3.proxy.objects) == len(sizes) + len(sizes) - counts[0]
    for place in local_split.table["path"]:
        assert (decode(split.folder / place) == decode(pictures / place)).all()


def test_older_pictures_make_room(s3, pictures, local_split, manifest, tmp_path):
    """Those of other data that weren't used since go first."""
    read_split(manifest(s3.upload(pictures)))
    old = {file.name for file in s3.files}
    for file in s3.files:
        os.utime(file, (1, 1))
    other = tmp_path / "other"
    for place in local_split.table["path"]:
        (other / place).parent.mkdir(parents=True, exist_ok=True)
        (other / place).write_bytes((pictures / place).read_bytes() + b"\0")
    split = split_data(other, OPTIONS, silent_progress).split
    limit = sum((other / place).stat().st_size for place in split.table["path"]) * 1.2
    read_split_of(split, s3.upload(other), tmp_path, limit)
    now = {file.name for file in s3.files}
    assert set(split.table["sha256"]) <= now
    assert len(old & now) < len(old) / 2
    assert sum(file.stat().st_size for file in s3.files) <= limit


def read_split_of(split, uri, folder, limit):
    from dataclasses import replace

    from beauty_mlflow.data.splits.manifest import write_split

    write_split(replace(split, folder=locate(uri)), folder / "new.csv")
    return read_split(folder / "new.csv", cache_gb=limit / 1e9)


@pytest.mark.slow
def test_a_killed_download_leaves_nothing_that_counts(s3, pictures, local_split, manifest):
    """Killed five times on its way; all that is kept is whole, and the next one only fetches the rest."""
    path = manifest(s3.upload(pictures))
    slow = iter([1, 4, 9, 13, 20])
    for some in slow:
        s3.proxy.requests.clear()
        s3.proxy.fault = lambda *_, most=some: wait_after(s3, most)
        process = opener(path)
        while len(s3.proxy.objects) < some and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert all_whole(s3.files)
    s3.proxy.fault = lambda *_: None
    kept = len(s3.files)
    s3.proxy.requests.clear()
    assert read_split(path).fingerprint == local_split.fingerprint
    assert len(s3.proxy.objects) == len(local_split.table) - kept
    assert len(s3.files) == len(local_split.table)


def wait_after(s3, most):
    """Let the first objects pass at once, the others slowly."""
    time.sleep(0.3 if len(s3.proxy.objects) > most else 0)


def test_two_processes_at_once(s3, pictures, local_split, manifest):
    """Both get all of it."""
    path = manifest(s3.upload(pictures))
    s3.proxy.delay = 0.02
    both = [opener(path) for _ in range(2)]
    assert {process.communicate(timeout=120)[0].strip() for process in both} == {local_split.fingerprint}
    assert all_whole(s3.files)
    assert len(s3.files) == len(local_split.table)


def test_the_cache_lists_verifies_and_prunes_them(s3, pictures, local_split, manifest):
    """In one line, by the sizes that they have; a spoilt one is found."""
    read_split(manifest(s3.upload(pictures)))
    cache = Cache()
    ((stored, in_use),) = cache.stored()
    assert (stored.kind, stored.words, in_use) == ("files", "24 files, each fetched once", False)
    assert stored.size == cache.usage().bytes == sum(file.stat().st_size for file in s3.files)
    s3.files[0].write_bytes(b"spoilt")
    _, (problem,) = cache.verify()
    assert "is damaged. It is removed now, and fetched again when needed" in problem
    assert len(s3.files) == 23
    half = sum(file.stat().st_size for file in s3.files) // 2
    cache.prune(half, "files")
    assert 0 <= sum(file.stat().st_size for file in s3.files) <= half
    cache.prune()
    assert s3.files == []


def test_a_cache_that_cannot_be_written_is_said(s3, pictures, local_split, manifest, monkeypatch, tmp_path, capsys):
    """The pictures are read all the same."""
    path = manifest(s3.upload(pictures))
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("BEAUTY_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert read_split(path).fingerprint == local_split.fingerprint
    assert capsys.readouterr().err.count("pictures that aren't in it are fetched each time they are read") == 1
