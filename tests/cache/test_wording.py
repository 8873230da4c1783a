import pytest

from beauty_mlflow.cache.keys import Key
from beauty_mlflow.cache.sizes import size_text
from beauty_mlflow.cache.wording import in_words


def test_content_in_words():
    """Names and values in the key's order, digests shortened, nested names joined."""
    content = {
        "boundary": "mixed3",
        "fingerprint": "0123456789abcdef" * 4,
        "augmentation": {"rotation": 40, "flip": True},
        "image_size": 299,
        "view": 0,
        "parts": ["train", "val"],
        "seed": None,
    }
    assert in_words(Key("activations", content)) == (
        "boundary mixed3, fingerprint 01234567…, augmentation rotation 40, augmentation flip yes, image size 299, "
        "view 0, parts train val, seed none"
    )


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (12_345, "12.3 kB"),
        (999_600, "1 MB"),
        (1_250_000_000, "1.25 GB"),
        (53_700_000_000, "53.7 GB"),
        (2_500_000_000_000_000, "2500 TB"),
    ],
)
def test_sizes_have_three_digits(size, text):
    """Decimal units, as disks are sold."""
    assert size_text(size) == text
