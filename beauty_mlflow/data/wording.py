from collections.abc import Sequence

_NAMED = 3


def name_some(names: Sequence[str]) -> str:
    """Return the first three names, and an ellipsis if there are more."""
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
