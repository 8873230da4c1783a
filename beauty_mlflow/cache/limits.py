"""How large the cache may become."""

from beauty_mlflow.cache.sizes import GB
from beauty_mlflow.cache.store import Cache

_SHARE = 5  # of the free space the cache may take one part in so many


def open_cache(gb: float) -> Cache:
    """Return the cache, limited to so many GB; 0 is a fifth of what is free on its disk, its own files counted in."""
    if gb:
        return Cache(budget_bytes=int(gb * GB))
    usage = Cache().usage()
    return Cache(budget_bytes=(usage.disk_free + usage.bytes) // _SHARE)
