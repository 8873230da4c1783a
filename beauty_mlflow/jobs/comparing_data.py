"""The pictures of trainings that are compared: which were trained on the same, and whose classes are groups."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from beauty_mlflow.data.splits.grouping import recorded_groups
from beauty_mlflow.data.splits.manifest import Split
from beauty_mlflow.errors import DataError, MissingError
from beauty_mlflow.evaluation.comparison.compared import Accuracy, Compared
from beauty_mlflow.jobs.evaluating import own_split
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.trainings import Training

GONE = "manifest gone"
DAMAGED = "manifest damaged, or not to be read"


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
        classes: Their names; empty where nobody knows.
        rows: Part, sha256 and class of each of both; empty where nobody knows.
        problem: Why the split couldn't be read; empty where it could.
    """

    label: str
    pictures: str
    train: str
    same: str = ""
    grouped: bool = False
    groups: Mapping[str, str] = field(default_factory=dict)
    classes: Sequence[str] = ()
    rows: Sequence[tuple[str, str, str]] = field(default=(), repr=False)
    problem: str = ""

    def is_grouped_into(self, other: "Data") -> bool:
        """Return whether the other's pictures are these, each one's class the group of the class that it has here."""
        if self.grouped or not other.grouped or not self.same or self.same != other.same:
            return False
        mine = sorted((part, sha256, other.groups.get(name, name)) for part, sha256, name in self.rows)
        return mine == sorted(other.rows)


def data_of(trainings: Sequence[Training]) -> dict[str, Data]:
    """Return each training's data by its run's id; labels are the same for the same validation pictures alone.

    Raises:
        TrackingError: The store refuses, or doesn't answer any more.
    """
    read: dict[str, Data] = {}  # by fingerprint; what can't be read here may be there of another run
    lost: dict[str, Data] = {}
    for one in trainings:
        if _fingerprint(one) not in read:
            data = _imported(one) if one.tags.get(names.IMPORTED) == "true" else _own(one)
            if data.problem:
                lost[one.run.run_id] = data
            else:
                read[_fingerprint(one)] = data
    return _with_own_labels({one.run.run_id: read.get(_fingerprint(one)) or lost[one.run.run_id] for one in trainings})


def _fingerprint(one: Training) -> str:
    return one.tags.get(names.FINGERPRINT) or one.run.run_id


def as_compared(one: Training, data: Data) -> Compared:
    """Return a training as figures show it."""
    metrics, parameters = one.metrics, one.parameters
    train_pictures = metrics.get(names.TRAIN_PICTURES)
    low, high = (metrics.get(f"{names.BEST_VAL_ACCURACY}_{end}") for end in ("low", "high"))
    total = parameters.get(names.PARAMETERS_TOTAL)
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
        pictures_per_second=one.images_per_second,
        train_pictures=None if train_pictures is None else int(train_pictures),
        test=one.test,
        weights=one.tags.get(names.WEIGHTS_SOURCE, ""),
        image_size=_whole(parameters.get("resolved.image_size") or parameters.get("image_size")),
        unfreeze=parameters.get("unfreeze", ""),
        plain_loss=_is_plain(parameters),
    )


def _is_plain(parameters: Mapping[str, str]) -> bool:
    smoothing = parameters.get("resolved.label_smoothing") or parameters.get("label_smoothing") or "0"
    return smoothing in ("0", "0.0") and parameters.get("class_weight", "none") == "none"


def _whole(text: str | None) -> int | None:
    try:
        return None if text is None else int(float(text))
    except (ValueError, OverflowError):
        return None


def _imported(one: Training) -> Data:
    kind = one.tags.get(names.IMPORTED_KEY, "").partition("/")[0]
    grouped, source = kind == "grouped", one.tags.get(names.SOURCE, "")
    label = f"{one.data}, {one.parameters.get('classes', '')} {'groups' if grouped else 'classes'}"
    return Data(label, f"{source} {kind}", f"{source} {kind}", source, grouped)


def _own(one: Training) -> Data:
    try:
        split = own_split(one.run, check_pictures=False)
    except MissingError:
        return _unread(one, GONE)
    except DataError:
        return _unread(one, DAMAGED)
    groups = {name: group for group, members in recorded_groups(split).items() for name in members}
    return Data(
        label=f"{one.data}, {len(split.classes)} {'groups' if groups else 'classes'}",
        pictures=split.digest("val"),
        train=split.digest("train"),
        same=_identity(split),
        grouped=bool(groups),
        groups=groups,
        classes=split.classes,
        rows=_rows(split),
    )


def _unread(one: Training, problem: str) -> Data:
    pictures, train = (one.digests.get(part, one.run.run_id) for part in ("val", "train"))
    return Data(one.data, pictures, train, problem=problem)


def _rows(split: Split) -> list[tuple[str, str, str]]:
    rows = split.table[split.table["part"] != "test"]
    return list(zip(rows["part"], rows["sha256"], rows["class"], strict=True))


def _identity(split: Split) -> str:
    listed = sorted((part, sha256) for part, sha256, _ in _rows(split))
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
