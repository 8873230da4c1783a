"""Placing what must stay together into the parts, class by class as near to the ratios as can be."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Part = int
Counts = dict[str, list[int]]  # class -> pictures in each part


@dataclass(frozen=True)
class Unit:
    """Pictures that stay together.

    Attributes:
        key: Decides the order among units of one size; random, but the same for the same pictures and seed.
        rows: The pictures.
        counts: How many of them each class has.
        part: The part they have already, or None.
    """

    key: str
    rows: tuple[int, ...]
    counts: Mapping[str, int]
    part: Part | None = None


def seeded_key(seed: int, sha256: str) -> str:
    """Return a picture's place in the random order: a pure function of its content and the seed."""
    return hashlib.blake2b(f"{seed}/{sha256}".encode(), digest_size=16).hexdigest()


def quotas(total: int, weights: Sequence[float], *, minimum: int = 0) -> list[int]:
    """Divide ``total`` in proportion to weights, by largest remainder; each share at least ``minimum`` if it can be.

    The weights are not negative; with all of them zero everything goes to the first.
    """
    if total < minimum * len(weights):
        minimum = 0
    whole = sum(weights) or 1.0
    exact = [total * weight / whole for weight in weights]
    shares = [max(int(share), minimum) for share in exact]
    while sum(shares) < total:
        shares[max(range(len(shares)), key=lambda part: exact[part] - shares[part])] += 1
    while sum(shares) > total:
        above = [part for part in range(len(shares)) if shares[part] > minimum]
        shares[min(above, key=lambda part: exact[part] - shares[part])] -= 1
    return shares


def place(units: Sequence[Unit], ratios: Sequence[float]) -> list[Part]:
    """Return the part of every unit.

    Large units and those of several classes come first, each into the part that lacks them most (least squares over
    its classes); single pictures then fill every class up to its share exactly. At last every part of a class gets
    something, where moving one unit there leaves no other part of a class empty.
    """
    placed = [unit.part for unit in units]
    totals: Counter[str] = Counter()
    for unit in units:
        totals.update(unit.counts)
    targets = {name: quotas(total, ratios, minimum=1) for name, total in totals.items()}
    have: Counts = {name: [0] * len(ratios) for name in totals}
    for unit in units:
        if unit.part is not None:
            _add(have, unit, unit.part, 1)
    singles: dict[str, list[int]] = defaultdict(list)
    for index in sorted(range(len(units)), key=lambda index: (-len(units[index].rows), units[index].key)):
        unit = units[index]
        if placed[index] is None and len(unit.rows) == 1:
            singles[next(iter(unit.counts))].append(index)
        elif placed[index] is None:
            part = min(range(len(ratios)), key=lambda part: _cost(have, targets, unit, part))
            placed[index] = part
            _add(have, unit, part, 1)
    for name, members in singles.items():
        _fill(name, members, units, placed, have, targets)
    parts = [part for part in placed if part is not None]
    _fill_empty(units, parts, have)
    return parts


def thesis_cut(count: int) -> tuple[int, int]:
    """Return where the thesis cut a class's sorted pictures: round(0.8 n) and round(0.9 n)."""
    return round(0.8 * count), round(0.9 * count)


def _fill(
    name: str,
    members: Sequence[int],
    units: Sequence[Unit],
    placed: list[Part | None],
    have: Counts,
    targets: Counts,
) -> None:
    lacking = [max(0, target - has) for target, has in zip(targets[name], have[name], strict=True)]
    shares = quotas(len(members), lacking)
    order = [part for part, share in enumerate(shares) for _ in range(share)]
    for index, part in zip(members, order, strict=True):
        placed[index] = part
        _add(have, units[index], part, 1)


def _cost(have: Counts, targets: Counts, unit: Unit, part: Part) -> float:
    return sum(
        count * (count + 2 * (have[name][part] - targets[name][part])) for name, count in unit.counts.items()
    )


def _add(have: Counts, unit: Unit, part: Part, sign: int) -> None:
    for name, count in unit.counts.items():
        have[name][part] += sign * count


def _fill_empty(units: Sequence[Unit], parts: list[Part], have: Counts) -> None:
    for name in sorted(name for name, counts in have.items() if 0 in counts):
        movable = [i for i, unit in enumerate(units) if unit.part is None and name in unit.counts]
        movable.sort(key=lambda i: (len(units[i].rows), units[i].key))
        for part in range(len(have[name])):
            if have[name][part]:
                continue
            spare = [i for i in movable if _can_leave(units[i], parts[i], have)]
            if spare:
                _add(have, units[spare[0]], parts[spare[0]], -1)
                parts[spare[0]] = part
                _add(have, units[spare[0]], part, 1)


def _can_leave(unit: Unit, part: Part, have: Counts) -> bool:
    return all(have[name][part] > count for name, count in unit.counts.items())
