import os
import re
from collections.abc import Sequence

_NAMED = 3
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def name_some(names: Sequence[str]) -> str:
    """Return the first three names, and an ellipsis if there are more."""
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")


def shown(name: str) -> str:
    """Return a name with replacement characters for what isn't UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")


def is_strange(name: str) -> bool:
    """Return whether a name isn't UTF-8, which neither JSON nor a table can hold."""
    return shown(name) != name


def printable(text: str) -> str:
    """Return text with replacement characters for what a terminal would obey, but line ends and tabs."""
    return _OBEYED.sub("\ufffd", text)
