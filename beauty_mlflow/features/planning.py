"""Which boundaries are worth keeping: the least time within a budget of bytes.

Arithmetic alone: what a picture costs has been measured before, and nothing is written here.
"""

from collections import Counter
from collections.abc import Collection, Sequence

from beauty_mlflow.cache.sizes import size_text
from beauty_mlflow.errors import NetworkError, did_you_mean
from beauty_mlflow.features.estimates import LEAST_GAIN, PICTURES, Estimates, Stage, Workload
from beauty_mlflow.features.plans import Choice, Plan, Training, listed, time_text
from beauty_mlflow.features.subsets import Subsets

__all__ = ["Choice", "Plan", "Stage", "Training", "Workload", "plan"]


def plan(
    stages: Sequence[Stage],
    trainings: Sequence[Training],
    workload: Workload,
    *,
    budget_bytes: int,
    stored: Collection[str] = (),
    required: Collection[str] = (),
) -> Plan:
    """Choose the boundaries to keep so that all trainings, and the pass that fills the cache, take the least time.

    A training begins at the nearest boundary kept at or below its limit if that saves ``LEAST_GAIN`` of its time,
    else with the pictures. What is filled has to save that share, too, of the time of the trainings that profit from
    it, with the pass counted. Of plans that are equally quick, the one with the fewest bytes is taken.

    Args:
        stages: Bottom to top; the uppermost is the pooling.
        trainings: All that are to share the cache: one, or a whole sweep.
        workload: What each of them does.
        budget_bytes: What may be filled. Rows of ``stored`` don't count: whoever has one budget for both
            subtracts them first.
        stored: Boundaries whose rows, all of them, are on disk already. They need no pass.
        required: Boundaries that are kept whether they save time or not; those that aren't stored have to fit.

    Raises:
        NetworkError: If a limit, a stored or a required boundary is none of the stages'.
    """
    return _Planner(stages, trainings, workload, stored, required).plan(budget_bytes)


class _Planner:
    """Knows the boundaries by their places from the bottom, as ``Estimates`` does."""

    def __init__(
        self,
        stages: Sequence[Stage],
        trainings: Sequence[Training],
        workload: Workload,
        stored: Collection[str],
        required: Collection[str],
    ) -> None:
        self._names = [stage.boundary for stage in stages]
        self._trainings = trainings
        self._limits = [self._place(one.limit) if one.limit else PICTURES for one in trainings]
        self._stored = sorted({self._place(name) for name in stored})
        self._needed = {self._place(name) for name in required}
        self._required = sorted(self._needed - set(self._stored))
        self._views = workload.views_used
        self._estimates = Estimates(stages, workload)

    def plan(self, budget: int) -> Plan:
        demands: Counter[int] = Counter()
        for training, limit in zip(self._trainings, self._limits, strict=True):
            demands[limit] += training.times
        given = [*self._stored, *self._required]
        subsets = Subsets(self._estimates, demands, given, max(self._required, default=PICTURES))
        new = self._with_required(subsets.best(budget - self._size(self._required)))
        wished = self._with_required(subsets.best(None))
        starts = [self._start(limit, new) for limit in self._limits]
        return Plan(
            store=self._named(new),
            reuse=self._named(sorted({*starts, *self._needed} & set(self._stored))),
            new_bytes=self._size(new),
            extract_seconds=self._pass(new),
            views=self._views,
            choices=tuple(
                Choice(
                    training,
                    boundary=None if start == PICTURES else self._names[start],
                    seconds=self._estimates.seconds(limit, start),
                    plain_seconds=self._estimates.seconds(limit, PICTURES),
                    reason=self._reason(limit, start, self._start(limit, wished), new, budget),
                )
                for training, limit, start in zip(self._trainings, self._limits, starts, strict=True)
            ),
        )

    def _reason(self, limit: int, start: int, wished: int, new: Sequence[int], budget: int) -> str:
        """Say why a training begins at ``start``; with no end of disk it would at ``wished``."""
        if limit == PICTURES:
            return "nothing lies below what it trains"
        if start == limit:
            return ""
        gain = self._estimates.gain(limit, limit)
        if gain < LEAST_GAIN:
            return f"the cache would save {int(100 * gain)} %"
        left = max(0, budget - self._size(new))
        if wished > start and self._estimates.size(wished) > left:
            beside = f" beside {listed(self._named(new))}" if new else ""
            return (
                f"{self._names[wished]} needs {size_text(self._estimates.size(wished))}, "
                f"the budget leaves {size_text(left)}{beside}"
            )
        saved = self._estimates.seconds(limit, start) - self._estimates.seconds(limit, limit)
        longer = max(0.0, self._estimates.extraction(limit) - self._pass(new))
        return f"{self._names[limit]} would save {time_text(saved)} and cost a pass {time_text(longer)} longer"

    def _with_required(self, chosen: Sequence[int]) -> list[int]:
        return sorted({*chosen, *self._required})

    def _start(self, limit: int, new: Sequence[int]) -> int:
        kept = (boundary for boundary in (*self._stored, *new) if boundary <= limit)
        return self._estimates.settle(limit, max(kept, default=PICTURES))

    def _pass(self, new: Sequence[int]) -> float:
        return self._estimates.extraction(max(new, default=PICTURES))

    def _size(self, new: Sequence[int]) -> int:
        return sum(self._estimates.size(boundary) for boundary in new)

    def _named(self, places: Sequence[int]) -> tuple[str, ...]:
        return tuple(self._names[place] for place in places)

    def _place(self, name: str) -> int:
        if name not in self._names:
            known, hint = ", ".join(self._names), did_you_mean(name, self._names)
            raise NetworkError(f"There is no boundary '{name}': expected one of {known}.{hint}")
        return self._names.index(name)
