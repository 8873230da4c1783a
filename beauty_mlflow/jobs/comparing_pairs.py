"""All classes against their groups: which series stand against each other, and the control of summed probabilities."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from beauty_mlflow.errors import DataError, ManifestError, MissingError, ModelError, UnreachableDataError, WorkError
from beauty_mlflow.evaluation.comparison.charts import Pair
from beauty_mlflow.evaluation.comparison.compared import Accuracy, Compared
from beauty_mlflow.evaluation.comparison.series import Series, by_depth, trained_alike
from beauty_mlflow.evaluation.comparison.summing import sum_into_groups
from beauty_mlflow.evaluation.metrics import summarize
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.jobs.asking import ask
from beauty_mlflow.jobs.comparing_data import Data
from beauty_mlflow.jobs.evaluating import own_split, verify_part
from beauty_mlflow.serving.package import read_description
from beauty_mlflow.tracking.models import fetch_model
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store

PART = "val"
NO_MODEL = "the model isn't there any more"
BAD_MODEL = "the model is damaged, or not to be loaded"
NO_PICTURES = "the validation pictures are gone or changed"
NO_ANSWER = "the validation pictures can't be reached, as where they lie doesn't answer or refuses"
IMPORTED = "nobody has the model or its predictions"
OTHER_GROUPS = "the classes don't sum to these groups"
NOT_WANTED = "control=false"


def matching(compared: Sequence[Compared], data: Mapping[str, Data]) -> list[tuple[Series, Series]]:
    """Return each series of all classes with each of groups of the same pictures, trained alike.

    Args:
        compared: The trainings.
        data: Theirs, by run.
    """
    series = by_depth(compared, least=1)
    return [(full, grouped) for full in series for grouped in series if _belong_together(full, grouped, data)]


def find_pairs(
    store: Store, matches: Sequence[tuple[Series, Series]], data: Mapping[str, Data], *, control: bool
) -> list[Pair]:
    """Return matching series with the control: the models of all classes are asked, each once.

    Args:
        store: Where the models are.
        matches: As ``matching`` returns them.
        data: The trainings', by run.
        control: Whether to ask the models of all classes.

    Raises:
        TrackingError: The store refuses, or doesn't answer any more.
    """
    found: list[Pair] = []
    for _, some in groupby(matches, key=lambda match: match[0].any.run):
        found += _pairs(store, list(some), data, control=control)
    return found


def _belong_together(full: Series, grouped: Series, data: Mapping[str, Data]) -> bool:
    one, other = full.any, grouped.any
    return trained_alike(one) == trained_alike(other) and data[one.run].is_grouped_into(data[other.run])


def _pairs(
    store: Store, matches: Sequence[tuple[Series, Series]], data: Mapping[str, Data], *, control: bool
) -> Iterator[Pair]:
    """Yield the pairs of one series of all classes; its models' answers are kept no longer than that."""
    answers: dict[int, PredictionTable | str] = {}
    for full, grouped in matches:
        reason = _why_no_control(data[full.any.run], data[grouped.any.run], control=control)
        if reason:
            yield Pair(full, grouped, {}, {}, {reason: len(full.points)})
            continue
        answers = answers or dict(_answers(store, full))
        yield _pair(full, grouped, answers, data[grouped.any.run].groups)


def _pair(
    full: Series, grouped: Series, answers: Mapping[int, PredictionTable | str], groups: Mapping[str, str]
) -> Pair:
    missing = Counter(one for one in answers.values() if isinstance(one, str))
    figures = {
        depth: summarize(sum_into_groups(one, groups)) for depth, one in answers.items() if not isinstance(one, str)
    }
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


def _answers(store: Store, full: Series) -> Iterator[tuple[int, PredictionTable | str]]:
    """Yield what each depth's model says of its validation pictures, or why that isn't known."""
    for depth, one in full.points.items():
        try:
            yield depth, _ask(store, one.run)
        except MissingError:
            yield depth, NO_MODEL
        except ManifestError:
            yield depth, NO_PICTURES
        except UnreachableDataError:
            yield depth, NO_ANSWER
        except ModelError:
            yield depth, BAD_MODEL
        except (DataError, WorkError) as error:
            yield depth, str(error).rstrip(".")


def _ask(store: Store, run_id: str) -> PredictionTable:
    package = fetch_model(store, run_id)
    description = read_description(package)
    training = Run.find(store, run_id)
    split = own_split(training, check_pictures=False)
    verify_part(training, split, PART)
    return ask(package, description, split.part(PART))
