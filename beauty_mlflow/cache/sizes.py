"""Sizes as a user reads them."""

GB = 10**9
_STEPS = ((10**12, "TB"), (GB, "GB"), (10**6, "MB"), (10**3, "kB"))


def size_text(size: int) -> str:
    """Return a number of bytes in decimal units with three digits, such as ``1.25 GB``."""
    for step, unit in _STEPS:
        if size >= step:
            return f"{size / step:.3g} {unit}" if size < 1000 * step else f"{size / step:.0f} {unit}"
    return f"{size} B"
