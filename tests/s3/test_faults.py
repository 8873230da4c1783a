"""What happens on networks, and what servers refuse."""

import json
import socket
import time

import pytest
from s3_place import KEYS, OPTIONS
from s3_proxy import FAULTS, STALLS

from beauty_mlflow.data.images import decode
from beauty_mlflow.data.sources import s3_bucket
from beauty_mlflow.data.sources.locations import locate
from beauty_mlflow.data.sources.reading import read_ahead
from beauty_mlflow.data.splits.manifest import read_split
from beauty_mlflow.data.splits.splitting import split_data
from beauty_mlflow.errors import ManifestError, PictureError, UnreachableDataError
from beauty_mlflow.progress import silent_progress

PASSING = [fault for fault in FAULTS if fault not in {"AccessDenied", "ExpiredToken", "InvalidAccessKeyId"}]


def is_object(method, path):
    return method == "GET" and "list-type" not in path


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_tried_again(s3, pictures, local_split, manifest, fault):
    """Each object fails once, in splitting and in opening a manifest; the result is the same, and all is kept."""
    uri = s3.upload(pictures)
    s3.proxy.fault = lambda method, path, before: fault if is_object(method, path) and before % 2 == 0 else None
    assert split_data(locate(uri), OPTIONS, silent_progress).split.fingerprint == local_split.fingerprint
    assert len(s3.proxy.objects) == 2 * len(local_split.table)
    for path in s3.files:
        path.unlink()
    assert read_split(manifest(uri)).fingerprint == local_split.fingerprint
    assert len(s3.files) == len(local_split.table)


@pytest.mark.parametrize("fault", ["InternalError", "SlowDown"])
def test_a_listing_is_tried_again(s3, pictures, local_split, fault):
    """As objects are."""
    uri = s3.upload(pictures)
    s3.proxy.fault = lambda _, path, before: fault if "list-type" in path and before == 0 else None
    assert split_data(locate(uri), OPTIONS, silent_progress).split.fingerprint == local_split.fingerprint


def test_changed_and_missing_objects_are_named(s3, pictures, local_split, manifest):
    """By a ManifestError, as files are; what was fetched before is still good."""
    uri = s3.upload(pictures)
    path = manifest(uri)
    changed, gone = local_split.table["path"][:2]
    s3.put(uri, changed, b"another picture")
    s3.delete(uri, gone)
    expected = (
        f"2 of the 24 pictures of .* don't fit it: '{changed}': it was changed since the split was made; "
        f"'{gone}': there is no such object. Put the pictures back, or split again"
    )
    with pytest.raises(ManifestError, match=expected):
        read_split(path)
    assert len(s3.files) == 22


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("AccessDenied", "access is denied. These credentials need the rights to list the bucket"),
        ("InvalidAccessKeyId", "the access key is unknown there. Check AWS_ACCESS_KEY_ID"),
        ("ExpiredToken", "the credentials have expired"),
        ("InternalError", "the server answered InternalError"),
    ],
)
def test_what_lasts_ends_with_a_sentence(s3, pictures, manifest, fault, expected):
    """In listing and in reading; it isn't taken for broken pictures, and tells no secret."""
    uri = s3.upload(pictures)
    s3.proxy.fault = lambda *_: fault
    for work in (
        lambda: split_data(locate(uri), OPTIONS, silent_progress),
        lambda: read_split(manifest(uri)),
    ):
        began = time.monotonic()
        with pytest.raises(UnreachableDataError, match=f"'{uri}.*' can't be read: {expected}") as caught:
            work()
        assert time.monotonic() - began < 30
        assert caught.value.exit_status == 2
        assert not any(value in str(caught.value) for value in KEYS.values())
    s3.proxy.fault = lambda method, path, _: fault if is_object(method, path) else None
    began = time.monotonic()
    with pytest.raises(UnreachableDataError, match=expected):
        split_data(locate(uri), OPTIONS, silent_progress)
    assert time.monotonic() - began < 30


def test_a_bucket_that_is_none_is_named(s3, manifest):
    """Also where only a manifest knows it."""
    for work in (
        lambda: split_data(locate("s3://not-there/x"), OPTIONS, silent_progress),
        lambda: read_split(manifest("s3://not-there/x")),
    ):
        with pytest.raises(UnreachableDataError, match="'s3://not-there' can't be read: there is no such bucket"):
            work()


def test_no_credentials_are_said(s3, pictures, monkeypatch):
    """With what to set."""
    uri = s3.upload(pictures)
    for name in KEYS:
        monkeypatch.delenv(name)
    with pytest.raises(UnreachableDataError, match=r"no credentials were found\. Set AWS_ACCESS_KEY_ID"):
        split_data(locate(uri), OPTIONS, silent_progress)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(UnreachableDataError, match="no credentials were found"):
        split_data(locate(uri), OPTIONS, silent_progress)


def test_credentials_are_asked_for_once(s3, pictures, local_split, monkeypatch, tmp_path):
    """A command that gives them may take long, or ask somebody for a code."""
    asked, given = tmp_path / "asked", tmp_path / "given.json"
    names = dict(zip(("AccessKeyId", "SecretAccessKey"), KEYS.values(), strict=True))
    given.write_text(json.dumps({"Version": 1, **names}))
    (tmp_path / "config").write_text(f"[default]\ncredential_process = sh -c 'echo >> {asked}; cat {given}'\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in KEYS:
        monkeypatch.delenv(name)
    uri = s3.upload(pictures)
    assert split_data(locate(uri), OPTIONS, silent_progress).split.fingerprint == local_split.fingerprint
    assert asked.read_text() == "\n"


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "nonsense"])
def test_an_endpoint_where_nobody_listens_is_said_at_once(s3, monkeypatch, endpoint):
    """With what to check."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    began = time.monotonic()
    with pytest.raises(UnreachableDataError, match=r"'s3://bucket' can't be read: .* AWS_ENDPOINT_URL"):
        split_data(locate("s3://bucket/x"), OPTIONS, silent_progress)
    assert time.monotonic() - began < 30


@pytest.mark.slow
def test_an_endpoint_that_never_answers_is_given_up(s3, monkeypatch):
    """Within half a minute."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(UnreachableDataError, match="the server doesn't answer"):
            split_data(locate("s3://bucket/x"), OPTIONS, silent_progress)
        assert time.monotonic() - began < 30


@pytest.fixture
def impatient(monkeypatch):
    """Keep to the same rules with shorter times: so many seconds for one answer, and four times as many in all."""

    def call(seconds):
        times = {"_SILENT_SECONDS": 4 * seconds, "_CONNECT_SECONDS": seconds, "_READ_SECONDS": seconds}
        for name, value in times.items():
            monkeypatch.setattr(f"beauty_mlflow.data.sources.s3_bucket.{name}", value)

    return call


@pytest.mark.parametrize("fault", STALLS)
def test_a_stall_that_passes_is_tried_again(s3, pictures, local_split, impatient, fault):
    """One object comes the second time; all are as they should be."""
    impatient(2)
    uri = s3.upload(pictures)
    slow = local_split.table["path"][5]
    s3.proxy.fault = lambda _, path, before: fault if slow in path and before == 0 else None
    assert split_data(locate(uri), OPTIONS, silent_progress).split.fingerprint == local_split.fingerprint
    assert sum(slow in path for path in s3.proxy.objects) == 2


@pytest.mark.parametrize("fault", STALLS)
@pytest.mark.parametrize("what", ["objects", "lists"])
def test_a_server_that_stalls_is_given_up(s3, pictures, impatient, fault, what):
    """In the time that is promised, although it has answered before; the pictures aren't called broken."""
    impatient(1)
    uri = s3.upload(pictures)
    folder = locate(uri)
    assert folder.is_dir()
    s3.proxy.fault = lambda method, path, _: fault if is_object(method, path) == (what == "objects") else None
    began = time.monotonic()
    with pytest.raises(UnreachableDataError, match=f"'{uri}.*' can't be read: the server doesn't answer"):
        split_data(folder, OPTIONS, silent_progress)
    assert time.monotonic() - began < 4


def test_the_time_that_is_promised():
    """Half a minute, whatever happens on the way: what the docs say of the times that are set."""
    assert s3_bucket._SILENT_SECONDS < 30
    assert s3_bucket._CONTACT_ATTEMPTS * s3_bucket._CONTACT_SECONDS < 30
    assert s3_bucket._SILENT_SECONDS - s3_bucket._CONNECT_SECONDS - s3_bucket._READ_SECONDS > s3_bucket._READ_SECONDS


def test_a_refused_object_is_none_that_is_gone(s3, pictures, local_split):
    """Of one that is gone there is a reason, the others are read; one that is refused is no reason to leave it out."""
    uri = s3.upload(pictures)
    paths = sorted(local_split.table["path"])
    s3.delete(uri, paths[3])
    folder = locate(uri)
    with read_ahead(folder, paths) as files:
        found = [reason(file) for file in files]
    assert found == ["", "", "", "there is no such object", *[""] * 20]
    s3.proxy.fault = lambda method, path, _: "AccessDenied" if is_object(method, path) and paths[7] in path else None
    with (
        pytest.raises(UnreachableDataError, match=f"'{uri}/{paths[7]}' can't be read: access is denied"),
        read_ahead(folder, paths) as files,
    ):
        list(files)


def reason(file):
    try:
        decode(file)
    except PictureError as error:
        return str(error)
    return ""
