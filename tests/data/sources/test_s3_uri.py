import pytest

from beauty_mlflow.data.sources.s3_path import S3Path
from beauty_mlflow.data.sources.s3_uri import is_s3, parse_s3
from beauty_mlflow.errors import DataError


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("S3://my.bucket-1/a/b c/", ("my.bucket-1", "a/b c")),
        ("s3://bucket/a@b:c?d", ("bucket", "a@b:c?d")),
    ],
)
def test_a_bucket_and_a_key(uri, expected):
    """The scheme in any case, a slash at the end or not."""
    assert is_s3(uri)
    assert parse_s3(uri) == expected


@pytest.mark.parametrize("text", ["s3", "s3:/bucket", "/s3://x", "gs://bucket/x", ""])
def test_paths_are_none(text):
    """A path stays a path."""
    assert not is_s3(text)


def test_credentials_are_refused_and_not_repeated():
    """They would be stored with the run."""
    with pytest.raises(DataError, match=r"'s3://\*\*\*' names more than a bucket") as caught:
        parse_s3("s3://user:secret@bucket/x")
    assert "secret" not in str(caught.value)


def test_a_place_behaves_as_a_path():
    """As far as readers need it."""
    folder = S3Path.parse("s3://bucket/boxes").knowing({"a/b.jpg": "0" * 64})
    file = folder / "a/b.jpg"
    assert (str(file), file.name, file.suffix, file.sha256) == ("s3://bucket/boxes/a/b.jpg", "b.jpg", ".jpg", "0" * 64)
    assert str(file.parent) == "s3://bucket/boxes/a"
    assert str(file.with_suffix(".json")) == "s3://bucket/boxes/a/b.json"
    assert (S3Path.parse("s3://bucket").name, folder.name) == ("bucket", "boxes")
    assert str(S3Path.parse("s3://bucket") / "x") == "s3://bucket/x"
