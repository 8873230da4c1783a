"""What an entry is, in words."""

import re
from collections.abc import Iterator, Mapping

from beauty_mlflow.cache.keys import Key

_DIGEST = re.compile(r"[0-9a-f]{16,}")
_DIGITS_SHOWN = 8


def in_words(key: Key) -> str:
    """Return the key's content as ``name value, name value``, digests shortened."""
    return ", ".join(_items("", key.content))


def _items(prefix: str, content: Mapping[str, object]) -> Iterator[str]:
    for name, value in content.items():
        words = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _items(f"{words} ", value)
        else:
            yield f"{words} {_shown(value)}"


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f"{value[:_DIGITS_SHOWN]}…" if _DIGEST.fullmatch(value) else value
    if isinstance(value, list):
        return " ".join(map(_shown, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
