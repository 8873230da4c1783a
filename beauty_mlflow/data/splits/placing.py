"""Placing what must stay together into the parts, class by class as near to the ratios as can be."""

import hashlib
from collections import Counter
from collections.abc import Sequence

Unit = Sequence[int]  # the rows of pictures that stay together
UNPLACED = -1


def seeded_key(seed: int, sha256: str) -> str:
    """Return a picture's place in the random order: a pure function of its content and the seed."""
    return hashlib.blake2b(f"{seed}/{sha256}".encode(), digest_size=16).hexdigest()


def thesis_cut(count: int) -> tuple[int, int]:
    """Return where the thesis cut a class's sorted pictures: round(0.8 n) and round(0.9 n)."""
    return round(0.8 * count), round(0.9 * count)


def quotas(total: int, weights: Sequence[float], *, minimum: int = 0) -> list[int]:
    """Divide ``total`` in proportion to weights, by largest remainder.

    Each share is at least ``minimum`` if the total is enough for that; if all weights are 0, the first gets
    everything.
    """
    if total < minimum * len(weights):
        minimum = 0
    if not any(weights):
        weights = [1.0] + [0.0] * (len(weights) - 1)
    exact = [total * weight / sum(weights) for weight in weights]
    shares = [max(int(share), minimum) for share in exact]
    for _ in range(sum(shares), total):
        shares[max(range(len(shares)), key=lambda part: exact[part] - shares[part])] += 1
    for _ in range(total, sum(shares)):
        above = [part for part in range(len(shares)) if shares[part] > minimum]
        shares[min(above, key=lambda part: exact[part] - shares[part])] -= 1
    return shares


class Placement:
    """The parts of n pictures while they are given out.

    Args:
        classes: [n], each picture's class.
        ratios: The share of each part.
        parts: [n], the part (its position in ``ratios``) that a picture has already, or ``UNPLACED``.
    """

    def __init__(self, classes: Sequence[str], ratios: Sequence[float], parts: Sequence[int]) -> None:
        self.parts = list(parts)
        self._classes = classes
        self._targets = {name: quotas(total, ratios, minimum=1) for name, total in Counter(classes).items()}
        self._have = {name: [0] * len(ratios) for name in self._targets}
        for row, part in enumerate(parts):
            if part != UNPLACED:
                self._have[classes[row]][part] += 1

    def place(self, units: Sequence[Unit], keys: Sequence[str]) -> None:
        """Give every unit one part.

        Large units come first, each into the part that lacks its classes most (least squares); single
        pictures then fill up each class as wanted. At last, parts of a class that got nothing get one unit,
        if the others can spare one.

        Args:
            units: Pictures without a part; each in one unit.
            keys: [n], the random order in which pictures, and units of one size, are taken.
        """
        ordered = sorted(units, key=lambda unit: (-len(unit), min(keys[row] for row in unit)))
        singles: dict[str, list[int]] = {}
        for unit in ordered:
            if len(unit) == 1:
                singles.setdefault(self._classes[unit[0]], []).append(unit[0])
            else:
                self._give(unit, min(range(self._size), key=lambda part: self._cost(unit, part)))
        for name, rows in singles.items():
            self._fill(name, rows)
        self._fill_empty(ordered[::-1])

    @property
    def _size(self) -> int:
        return len(next(iter(self._targets.values())))

    def _count(self, unit: Unit) -> Counter[str]:
        return Counter(self._classes[row] for row in unit)

    def _give(self, unit: Unit, part: int) -> None:
        for row in unit:
            if self.parts[row] != UNPLACED:
                self._have[self._classes[row]][self.parts[row]] -= 1
            self._have[self._classes[row]][part] += 1
            self.parts[row] = part

    def _cost(self, unit: Unit, part: int) -> int:
        # by how much (has - target)² grows, summed over the unit's classes
        counts = self._count(unit).items()
        return sum(count * (count + 2 * (self._have[name][part] - self._targets[name][part])) for name, count in counts)

    def _fill(self, name: str, rows: Sequence[int]) -> None:
        lacking = [max(0, target - has) for target, has in zip(self._targets[name], self._have[name], strict=True)]
        shares = quotas(len(rows), lacking)
        order = [part for part, share in enumerate(shares) for _ in range(share)]
        for row, part in zip(rows, order, strict=True):
            self._give([row], part)

    def _fill_empty(self, units: Sequence[Unit]) -> None:
        for name in sorted(name for name, counts in self._have.items() if 0 in counts):
            own = [unit for unit in units if any(self._classes[row] == name for row in unit)]
            for part in [part for part, count in enumerate(self._have[name]) if not count]:
                spare = next((unit for unit in own if self._can_leave(unit)), None)
                if spare:
                    self._give(spare, part)

    def _can_leave(self, unit: Unit) -> bool:
        part = self.parts[unit[0]]
        return all(self._have[name][part] > count for name, count in self._count(unit).items())
