"""Findings as arrays: a hundred thousand of them take little room, and only those that are shown become words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from beauty_mlflow.data.checkup.kinds import Kind

Rows = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

NOBODY = -1


@dataclass(frozen=True, eq=False)
class Findings:
    """All findings of one kind, the worst first.

    Attributes:
        kind: The kind.
        rows: int64 [k], which pictures.
        measured: float64 [k]; nan where there is nothing to measure.
        others: int64 [k], the picture that each one is a copy of, or ``NOBODY``.
        limits: What the kind's sentence needs besides.
    """

    kind: Kind
    rows: Rows
    measured: Values
    others: Rows
    limits: Mapping[str, object] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)


def exceeding(kind: Kind, flags: npt.NDArray[np.bool_], values: npt.NDArray[np.floating], limit: object) -> Findings:
    """Return the findings of a rule on one value a picture, the worst first."""
    rows = np.flatnonzero(flags)
    rows = rows[np.argsort(-values[rows] if kind.by_largest else values[rows], kind="stable")]
    return Findings(kind, rows, values[rows].astype(np.float64), np.full(len(rows), NOBODY), {"limit": limit})
