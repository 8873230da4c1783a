"""Sizes as a user reads them."""

MB = 10**6
GB = 10**9
_ROUNDED_UP = 0.9995  # what three digits would show as 1000 of the smaller unit
_STEPS = ((10**12, "TB"), (GB, "GB"), (MB, "MB"), (10**3, "kB"))


def size_text(size: int) -> str:
    """Return a number of bytes in decimal units with three digits, such as ``1.25 GB``."""
    for step, unit in _STEPS:
        if size >= _ROUNDED_UP * step:
            return f"{size / step:.3g} {unit}" if size < _ROUNDED_UP * 1000 * step else f"{size / step:.0f} {unit}"
    return f"{size} B"
