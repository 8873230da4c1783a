"""All classes against their groups: which series stand against each other, and the control of summed probabilities."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from beauty_mlflow.errors import DataError, MissingError, ModelError, WorkError
from beauty_mlflow.evaluation.comparison.charts import Pair
from beauty_mlflow.evaluation.comparison.compared import Accuracy, Compared
from beauty_mlflow.evaluation.comparison.series import Series, by_depth, trained_alike
from beauty_mlflow.evaluation.comparison.summing import sum_into_groups
from beauty_mlflow.evaluation.metrics import summarize
from beauty_mlflow.jobs.asking import ask
from beauty_mlflow.jobs.comparing_data import Data
from beauty_mlflow.jobs.evaluating import own_split
from beauty_mlflow.serving.package import read_description
from beauty_mlflow.tracking.models import fetch_model
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store

NO_MODEL = "the model isn't there any more"
NO_PICTURES = "the validation pictures are gone or changed"
IMPORTED = "nobody has the model or its predictions"
OTHER_GROUPS = "the classes don't sum to these groups"
NOT_WANTED = "control=false"


def find_pairs(store: Store, compared: Sequence[Compared], data: Mapping[str, Data], *, control: bool) -> list[Pair]:
    """Return each series of all classes beside each of groups of the same pictures, trained alike.

    Args:
        store: Where the models are.
        compared: The trainings.
        data: Theirs, by run.
        control: Whether to ask the models of all classes.

    Raises:
        TrackingError: The store refuses, or doesn't answer any more.
    """
    series = by_depth(compared, least=1)
    return [
        _pair(store, full, grouped, data, control=control)
        for full in series
        for grouped in series
        if _belong_together(full, grouped, data)
    ]


def _belong_together(full: Series, grouped: Series, data: Mapping[str, Data]) -> bool:
    one, other = full.any, grouped.any
    return trained_alike(one) == trained_alike(other) and data[one.run].is_grouped_into(data[other.run])


def _pair(store: Store, full: Series, grouped: Series, data: Mapping[str, Data], *, control: bool) -> Pair:
    groups = data[grouped.any.run].groups
    reason = _why_no_control(data[full.any.run], data[grouped.any.run], control=control)
    if reason:
        return Pair(full, grouped, {}, {}, {reason: len(full.points)})
    found = dict(_sums(store, full, groups))
    missing = Counter(sums for sums in found.values() if isinstance(sums, str))
    figures = {depth: sums for depth, sums in found.items() if not isinstance(sums, str)}
    summed = {
        depth: Accuracy(sums["accuracy"], sums["accuracy_low"], sums["accuracy_high"])
        for depth, sums in figures.items()
    }
    return Pair(full, grouped, summed, {depth: sums["loss"] for depth, sums in figures.items()}, missing)


def _why_no_control(full: Data, grouped: Data, *, control: bool) -> str:
    if not grouped.groups:
        return IMPORTED
    if {grouped.groups.get(name, name) for name in full.classes} != set(grouped.classes):
        return OTHER_GROUPS
    return "" if control else NOT_WANTED


def _sums(store: Store, full: Series, groups: Mapping[str, str]) -> Iterator[tuple[int, Mapping[str, float] | str]]:
    """Yield what each depth's model comes to on the groups, or why that isn't known."""
    for depth, one in full.points.items():
        try:
            yield depth, _sum(store, one.run, groups)
        except MissingError:
            yield depth, NO_MODEL
        except DataError:
            yield depth, NO_PICTURES
        except (ModelError, WorkError) as error:
            yield depth, str(error)


def _sum(store: Store, run_id: str, groups: Mapping[str, str]) -> Mapping[str, float]:
    package = fetch_model(store, run_id)
    description = read_description(package)
    split = own_split(Run.find(store, run_id), check_pictures=True)
    return summarize(sum_into_groups(ask(package, description, split.part("val")), groups))
