import hashlib
import os
import resource
import socket

import pytest

from beauty_mlflow.data.regular import hash_regular, open_regular, read_file
from beauty_mlflow.errors import PictureError


def test_a_file_and_a_link_to_it_are_read_and_hashed(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        assert read_file(tmp_path / name) == b"content"
        assert hash_regular(tmp_path / name) == hashlib.sha256(b"content").hexdigest()


def test_what_is_no_file_is_an_error_and_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    for name in ("fifo", "folder"):
        with pytest.raises(PictureError, match=r"^not a regular file$"):
            open_regular(tmp_path / name)


def test_a_socket_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(PictureError, match="no such device or address"):
            read_file(tmp_path / "socket")


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(PictureError, match=r"^no such file or directory$"):
        hash_regular(tmp_path / "nothing")


def test_a_name_that_no_file_can_have_is_an_error(tmp_path):
    with pytest.raises(PictureError, match=r"^its name holds a null byte$"):
        read_file(tmp_path / "a\0b")


def test_a_file_of_more_bytes_than_wanted_is_an_error_and_stays_unread(tmp_path):
    """None of its bytes is on the disk."""
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(10**12)
    with pytest.raises(PictureError, match=r"^the file has 1,000,000,000,000 bytes; expected at most 200,000,000$"):
        read_file(tmp_path / "large")
    with pytest.raises(PictureError, match=r"expected at most 7$"):
        read_file(tmp_path / "large", 7)


def test_too_many_open_files_are_no_fault_of_this_one(tmp_path):
    """Else a split would take good pictures for broken ones."""
    (tmp_path / "file").write_bytes(b"content")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            open_regular(tmp_path / "file")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
