"""Trainings as a comparison reads them: what they were, what they came to, and which runs aren't any."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from beauty_mlflow.evaluation.comparison.compared import Accuracy
from beauty_mlflow.progress import Progress, silent_progress
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.epochs import finite, sums_of
from beauty_mlflow.tracking.failures import translated
from beauty_mlflow.tracking.finding import (
    NEWEST_FIRST,
    all_experiments,
    child_entities,
    experiments,
    find_runs,
)
from beauty_mlflow.tracking.launcher import project_run_id
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.searches import PAGE
from beauty_mlflow.tracking.store import Store

TEST = "test"
_READERS = 8  # a history is a request
_FEW = 200  # trainings, whose evaluations are asked for one by one: for more, reading all is quicker
_CLOCKS_DIFFER = 24 * 3600 * 1000  # ms that one machine's may be behind another's


@dataclass(frozen=True)
class Training:
    """A finished training.

    Attributes:
        run: Its run.
        name: The run's name.
        experiment: The experiment's name.
        parameters: As logged.
        metrics: The latest value of each, those that aren't finite left out.
        tags: All of them.
        data: What its data is called; empty where nobody said.
        digests: Of the pictures, by part.
        kept: The training pictures' accuracy and loss in the kept epoch, where they are known.
        epochs: How many it took.
        seconds: How long these took.
        images_per_second: The training pictures' median over the epochs; None where it wasn't measured.
        test: The kept model's test figures, the run's own or those of the latest evaluation on the same pictures.
    """

    run: Run
    name: str
    experiment: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    data: str
    digests: Mapping[str, str]
    kept: Mapping[str, float]
    epochs: int
    seconds: float
    images_per_second: float | None
    test: Accuracy | None


@dataclass(frozen=True)
class Found:
    """The trainings, oldest first, and how many other runs there were, by the reason why they aren't trainings.

    ``older`` says whether the experiments hold older runs than those that were read.
    """

    trainings: Sequence[Training]
    left_out: Mapping[str, int]
    older: bool = False


def find_trainings(
    store: Store,
    run_ids: Sequence[str],
    experiment_ids: Sequence[str],
    progress: Progress = silent_progress,
    *,
    latest: int = 0,
) -> Found:
    """Read the finished trainings among runs; a sweep's run stands for its trials.

    Args:
        store: Where.
        run_ids: The runs, each once.
        experiment_ids: Experiments whose runs are meant.
        progress: Shows how many are read.
        latest: How many of the experiments' trainings, the latest ones; 0 is all.

    Raises:
        TrackingError: There is no such run, or it is deleted; or the store doesn't answer.
    """
    inside = _inside(store, experiment_ids, latest)
    latest_ones = list(_until(inside, latest)) if latest else list(inside)
    older = next(inside, None) is not None
    chosen = {run.info.run_id: run for run in [*_named(store, run_ids), *latest_ones]}
    chosen.pop(project_run_id(), None)  # in which `mlflow run` has started this process
    reasons = {run_id: _why_not(run, named=run_id in run_ids) for run_id, run in chosen.items()}
    meant = [run for run_id, run in chosen.items() if not reasons[run_id]]
    titles = _titles(store, {str(run.info.experiment_id) for run in meant})
    evaluations: dict[str, list[Any]] = defaultdict(list)
    for one in _evaluations(store, meant, {*titles, *experiments(store)}) if meant else ():
        evaluations[one.data.tags[names.EVALUATES]].append(one)
    meant.sort(key=lambda run: (run.info.start_time, run.info.run_id))
    trainings = []
    pool = ThreadPoolExecutor(_READERS)
    try:
        with progress("Reading runs", len(meant)) as bar:
            for training in pool.map(
                lambda run: _training(store, run, titles, evaluations.get(run.info.run_id, ())), meant
            ):
                trainings.append(training)
                bar.update(1)
    finally:
        pool.shutdown(cancel_futures=True)
    return Found(trainings, Counter(reason for reason in reasons.values() if reason), older)


def _inside(store: Store, experiment_ids: Sequence[str], latest: int) -> Iterator[Any]:
    if experiment_ids:
        page = min(latest + 1, PAGE) if latest else PAGE
        yield from find_runs(store, experiment_ids, {}, order=(NEWEST_FIRST,), page=page)


def _until(runs: Iterator[Any], most: int) -> Iterator[Any]:
    """Yield runs until so many trainings are among them."""
    for run in runs:
        yield run
        most -= not _why_not(run, named=False)
        if not most:
            return


def _named(store: Store, run_ids: Sequence[str]) -> Iterator[Any]:
    wanted = ", ".join(f"'{run_id}'" for run_id in run_ids)
    everywhere = all_experiments(store).values() if run_ids else ()
    found = find_runs(store, list(everywhere), {}, f"attributes.run_id IN ({wanted})") if run_ids else ()
    entities = {run.info.run_id: run for run in found}
    for run_id in run_ids:
        entity = entities.get(run_id) or Run.find(store, run_id).entity()  # which says what is wrong with it
        if _is_sweep(entity.data.tags):
            yield from child_entities(store, Run(store, entity.info.run_id))
        else:
            yield entity


def _is_sweep(tags: Mapping[str, str]) -> bool:
    return names.STUDY in tags and names.TRIAL_NUMBER not in tags and names.CONFIRM not in tags


_KINDS: tuple[tuple[Callable[[Mapping[str, str]], bool], str], ...] = (
    (lambda tags: names.EVALUATES in tags, "evaluations (their figures stand beside their trainings')"),
    (lambda tags: names.PROMOTION in tags, "promotions"),
    (lambda tags: names.COMPARES in tags, "comparisons"),
    (_is_sweep, "sweeps (their trials are runs of their own)"),
    (lambda tags: names.RESUMED in tags, "runs beside a resumed one"),
    (lambda tags: names.PRUNED in tags, "pruned trials"),
)


def _why_not(run: Any, *, named: bool) -> str:  # noqa: ANN401 - MLflow is untyped
    """Return why a run isn't compared, empty where it is."""
    tags, status = run.data.tags, run.info.status
    for holds, reason in _KINDS:
        if holds(tags):
            return reason
    if names.CONFIRM in tags and not named:
        return "runs that confirm a trial on another seed"
    if status != "FINISHED":
        return {"RUNNING": "runs that haven't ended"}.get(status, f"{status.lower()} runs")
    if names.BEST_VAL_ACCURACY not in run.data.metrics:
        return "runs that are no trainings"
    is_finite = names.BEST_VAL_ACCURACY in finite(run.data.metrics)
    return "" if is_finite else f"trainings whose {names.BEST_VAL_ACCURACY} isn't finite"


def _titles(store: Store, experiment_ids: Iterable[str]) -> dict[str, str]:
    with translated("read the experiments' names"):
        return {number: store.client.get_experiment(number).name for number in experiment_ids}


def _evaluations(store: Store, trainings: Sequence[Any], experiment_ids: Iterable[str]) -> Iterator[Any]:
    """Yield the finished evaluations on test parts, those of the trainings among them, the latest last."""
    conditions = ("attributes.status = 'FINISHED'", f"metrics.{TEST}_accuracy >= 0")
    ids = sorted(experiment_ids)
    if len(trainings) > _FEW:
        since = min(training.info.start_time for training in trainings) - _CLOCKS_DIFFER
        newer = f"attributes.start_time >= {since}"
        yield from find_runs(store, ids, {}, f"tags.{names.EVALUATES} LIKE '%'", *conditions, newer)
        return
    with ThreadPoolExecutor(_READERS) as pool:
        asked = [{names.EVALUATES: training.info.run_id} for training in trainings]
        for found in pool.map(lambda tags: list(find_runs(store, ids, tags, *conditions)), asked):
            yield from found


def _training(store: Store, entity: Any, titles: Mapping[str, str], evaluations: Sequence[Any]) -> Training:  # noqa: ANN401 - MLflow is untyped
    run, metrics = Run(store, entity.info.run_id), finite(entity.data.metrics)
    of_epochs, digests = sums_of(run, metrics), _digests(entity)
    kept = {"accuracy": of_epochs.get(names.BEST_ACCURACY), "loss": of_epochs.get(names.BEST_LOSS)}
    tested = [one for one in evaluations if _digests(one).get(TEST) == digests.get(TEST)]
    return Training(
        run=run,
        name=entity.info.run_name or run.run_id,
        experiment=titles[str(entity.info.experiment_id)],
        parameters=dict(entity.data.params),
        metrics=metrics,
        tags=dict(entity.data.tags),
        data=_data(entity),
        digests=digests,
        kept={name: value for name, value in kept.items() if value is not None},
        epochs=int(of_epochs[names.EPOCHS_TRAINED]),
        seconds=of_epochs.get(names.SECONDS, 0.0),
        images_per_second=of_epochs.get(names.MEDIAN_SPEED),
        test=_test(finite(tested[-1].data.metrics) if tested else metrics),
    )


def _test(metrics: Mapping[str, float]) -> Accuracy | None:
    value, low, high = (metrics.get(f"{TEST}_{name}") for name in ("accuracy", "accuracy_low", "accuracy_high"))
    return None if value is None else Accuracy(value, low, high)


def _datasets(entity: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - MLflow is untyped
    for one in entity.inputs.dataset_inputs if entity.inputs else ():
        yield next((tag.value for tag in one.tags if tag.key == names.DATASET_CONTEXT), ""), one.dataset


def _digests(entity: Any) -> dict[str, str]:  # noqa: ANN401 - MLflow is untyped
    return {part: str(dataset.digest) for part, dataset in _datasets(entity)}


def _data(entity: Any) -> str:  # noqa: ANN401 - MLflow is untyped
    found = (str(dataset.name).rpartition("/")[0] for _, dataset in _datasets(entity))
    return next(found, str(entity.data.params.get("data", "")))
