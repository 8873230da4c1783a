"""The pictures of trainings that are compared: which were trained on the same, and whose classes are groups."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from beauty_mlflow.data.splits.manifest import Split
from beauty_mlflow.errors import TrackingError, UnreachableError
from beauty_mlflow.evaluation.comparison.compared import Accuracy, Compared
from beauty_mlflow.jobs.evaluating import own_split
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.trainings import Training


@dataclass(frozen=True)
class Data:
    """What a training was given.

    Attributes:
        label: Its name.
        pictures: Identity of the validation pictures with their classes.
        train: Identity of the training pictures with their classes.
        same: Identity of both, whatever their classes; empty where nobody knows.
        grouped: Whether its classes are groups.
        groups: The group of each class that is in one; empty where nobody knows.
    """

    label: str
    pictures: str
    train: str
    same: str = ""
    grouped: bool = False
    groups: Mapping[str, str] = field(default_factory=dict)


def data_of(trainings: Sequence[Training]) -> dict[str, Data]:
    """Return each training's data by its run's id; labels are the same for the same validation pictures alone.

    Raises:
        UnreachableError: The store doesn't answer any more.
    """
    by_fingerprint: dict[str, Data] = {}
    found = {}
    for one in trainings:
        fingerprint = one.tags.get(names.FINGERPRINT) or one.run.run_id
        if one.tags.get(names.IMPORTED) == "true":
            found[one.run.run_id] = _imported(one)
            continue
        if fingerprint not in by_fingerprint:
            by_fingerprint[fingerprint] = _own(one)
        found[one.run.run_id] = by_fingerprint[fingerprint]
    return _with_own_labels(found)


def as_compared(one: Training, data: Data) -> Compared:
    """Return a training as figures show it."""
    metrics, parameters = one.metrics, one.parameters
    train_pictures = metrics.get(names.TRAIN_PICTURES)
    low, high = (metrics.get(f"{names.BEST_VAL_ACCURACY}_{end}") for end in ("low", "high"))
    total = parameters.get(names.PARAMETERS_TOTAL)
    speed = one.images_per_second
    if speed is None and train_pictures and one.seconds:
        speed = train_pictures * one.epochs / one.seconds
    return Compared(
        run=one.run.run_id,
        name=one.name,
        experiment=one.experiment,
        data=data.label,
        pictures=data.pictures,
        train=data.train,
        grouped=data.grouped,
        network=parameters.get("network", ""),
        recipe=parameters.get("recipe", ""),
        blocks=None if parameters.get("unfreeze") else _whole(parameters.get("blocks")),
        accuracy=one.kept.get("accuracy"),
        loss=one.kept.get("loss"),
        val_accuracy=Accuracy(metrics[names.BEST_VAL_ACCURACY], low, high),
        val_loss=metrics.get(names.BEST_VAL_LOSS),
        best_epoch=int(metrics.get(names.BEST_EPOCH, 0)),
        epochs=one.epochs,
        hours=one.seconds / 3600,
        parameters=_whole(total),
        pictures_per_second=speed,
        train_pictures=None if train_pictures is None else int(train_pictures),
        test=one.test,
    )


def _whole(text: str | None) -> int | None:
    try:
        return None if text is None else int(float(text))
    except ValueError:
        return None


def _imported(one: Training) -> Data:
    kind = one.tags.get(names.IMPORTED_KEY, "").partition("/")[0]
    grouped, source = kind == "grouped", one.tags.get(names.SOURCE, "")
    label = f"{one.data}, {one.parameters.get('classes', '')} {'groups' if grouped else 'classes'}"
    return Data(label, f"{source} {kind}", f"{source} {kind}", source, grouped)


def _own(one: Training) -> Data:
    try:
        split = own_split(one.run, check_pictures=False)
    except UnreachableError:
        raise
    except TrackingError:  # its artifacts are gone
        pictures = one.digests.get("val", one.run.run_id)
        return Data(one.data, pictures, one.digests.get("train", one.run.run_id))
    groups = _groups(split)
    label = f"{one.data}, {len(split.classes)} {'groups' if groups else 'classes'}"
    return Data(label, split.digest("val"), split.digest("train"), _identity(split), bool(groups), groups)


def _groups(split: Split) -> dict[str, str]:
    recorded = split.options.get("groups")
    if not isinstance(recorded, Mapping):
        return {}
    return {str(name): str(group) for group, members in recorded.items() for name in members}


def _identity(split: Split) -> str:
    rows = split.table[split.table["part"] != "test"]
    listed = sorted(zip(rows["part"], rows["sha256"], strict=True))
    return hashlib.sha256(repr(listed).encode()).hexdigest()


def _with_own_labels(found: Mapping[str, Data]) -> dict[str, Data]:
    """Add a digest to labels that different validation pictures share."""
    pictures: dict[str, set[str]] = {}
    for data in found.values():
        pictures.setdefault(data.label, set()).add(data.pictures)
    return {
        run: data if len(pictures[data.label]) == 1 else replace(data, label=f"{data.label} ({data.pictures[:6]})")
        for run, data in found.items()
    }
