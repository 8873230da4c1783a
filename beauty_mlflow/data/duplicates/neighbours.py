"""Which pictures look the same? A search that stays far from comparing all with all."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Thumbnails = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]
Pairs = npt.NDArray[np.int64]

_BANDS, _BAND_BITS = 4, 16
_FEW_EQUAL = 64  # pictures with the same hashes that are compared all with all
_AT_ONCE = 1 << 21  # pairs of hashes in memory
_COMPARED_AT_ONCE = 1 << 15  # pairs of thumbnails in memory


def similar(thumbnails: Thumbnails, left: Rows, right: Rows, tolerance: int) -> npt.NDArray[np.bool_]:
    """Return for each pair of rows whether their thumbnails differ by at most ``tolerance`` everywhere."""
    return _differences(thumbnails, left, right) <= tolerance


def differences(thumbnails: Thumbnails, left: Rows, right: Rows) -> npt.NDArray[np.int16]:
    """Return for each pair of rows how much their thumbnails differ where they differ most, of 255."""
    chunks = range(0, len(left), _COMPARED_AT_ONCE)
    parts = [_differences(thumbnails, *(rows[at : at + _COMPARED_AT_ONCE] for rows in (left, right))) for at in chunks]
    return np.concatenate([np.empty(0, np.int16), *parts])


def _differences(thumbnails: Thumbnails, left: Rows, right: Rows) -> npt.NDArray[np.int16]:
    difference = thumbnails[left].astype(np.int16) - thumbnails[right]
    largest: npt.NDArray[np.int16] = np.abs(difference).max(axis=(1, 2, 3), initial=0)
    return largest


def similar_pairs(hashes: Hashes, thumbnails: Thumbnails, *, distance: int, tolerance: int) -> Pairs:
    """Find the pairs whose hashes differ in few bits and whose thumbnails agree.

    They meet by multi-index hashing (Norouzi, Punjani, Fleet, 2012): of four bands of 16 bits, two hashes
    with at most 7 different bits have one band with at most one different bit. Where more than 64 pictures
    have the very same hashes, they are compared with leaders only, so that a folder full of blank pictures
    gives as many pairs as pictures; what resembles such a picture, but not its leader, may be missed.

    Args:
        hashes: [n, kinds]; one kind that is close is enough to look at the thumbnails.
        thumbnails: [n, side, side, 3].
        distance: How many of the 64 bits may differ, 0 to 7.
        tolerance: How much a value of the thumbnails may differ, of 255.

    Returns:
        [pairs, 2], the smaller row first: the pairs of what is alike.
    """
    stars, leaders = _stars_of_equal_hash(hashes, thumbnails, tolerance)
    found = [stars]
    for left, right in _close_hashes(hashes[leaders], distance):
        for start in range(0, len(left), _COMPARED_AT_ONCE):
            chunk = slice(start, start + _COMPARED_AT_ONCE)
            pairs = np.stack([leaders[left[chunk]], leaders[right[chunk]]], axis=1)
            found.append(pairs[similar(thumbnails, pairs[:, 0], pairs[:, 1], tolerance)])
    pairs = np.sort(np.concatenate(found), axis=1)
    return np.unique(pairs, axis=0)


def _stars_of_equal_hash(hashes: Hashes, thumbnails: Thumbnails, tolerance: int) -> tuple[Pairs, Rows]:
    order = np.lexsort(hashes.T)
    changes = np.any(np.diff(hashes[order], axis=0) != 0, axis=1)
    leaders: list[int] = []
    pairs: list[Pairs] = [np.empty((0, 2), np.int64)]
    for members in np.split(order, np.flatnonzero(changes) + 1):
        rest = members if len(members) > _FEW_EQUAL else members[:0]
        leaders.extend(members[len(rest) :].tolist())
        while len(rest):
            leader, rest = rest[0], rest[1:]
            leaders.append(int(leader))
            if len(rest):
                alike = _alike(thumbnails, int(leader), rest, tolerance)
                pairs.append(np.stack([np.full(alike.sum(), leader), rest[alike]], axis=1))
                rest = rest[~alike]
    return np.concatenate(pairs), np.array(sorted(leaders), np.int64)


def _alike(thumbnails: Thumbnails, leader: int, rows: Rows, tolerance: int) -> npt.NDArray[np.bool_]:
    chunks = np.split(rows, range(_COMPARED_AT_ONCE, len(rows), _COMPARED_AT_ONCE))
    return np.concatenate([similar(thumbnails, np.full(len(chunk), leader), chunk, tolerance) for chunk in chunks])


def _close_hashes(hashes: Hashes, distance: int) -> Iterator[tuple[Rows, Rows]]:
    for kind in hashes.T:
        for band in range(_BANDS):
            keys = _band(kind, band)
            order = np.argsort(keys, kind="stable")
            bounds = np.searchsorted(keys[order], np.arange((1 << _BAND_BITS) + 1))
            for flip in [0, *(1 << bit for bit in range(_BAND_BITS))]:
                yield from _close_in_band(kind, keys ^ flip, order, bounds, distance)


def _band(hashes: Hashes, band: int) -> Rows:
    # every fourth bit: the bits of a picture's plain border stand together, and would fill one band
    bits = [((hashes >> np.uint64(band + _BANDS * bit)) & np.uint64(1)) << np.uint64(bit) for bit in range(_BAND_BITS)]
    keys: Rows = np.bitwise_or.reduce(bits).astype(np.int64)
    return keys


def _close_in_band(
    hashes: Hashes,
    wanted: Rows,
    order: Rows,
    bounds: Rows,
    distance: int,
) -> Iterator[tuple[Rows, Rows]]:
    sizes = bounds[wanted + 1] - bounds[wanted]
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    for start in range(0, total, _AT_ONCE):
        pair = np.arange(start, min(start + _AT_ONCE, total))
        left = np.searchsorted(ends, pair, side="right")
        within = pair - (ends[left] - sizes[left])
        right = order[bounds[wanted[left]] + within]
        close = (left < right) & (np.bitwise_count(hashes[left] ^ hashes[right]) <= distance)
        if close.any():
            yield left[close], right[close]
