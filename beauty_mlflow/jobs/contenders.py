"""A model that takes part in a promotion: what it was trained on, and what it answers."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from beauty_mlflow.data.parallel import one_ahead
from beauty_mlflow.data.regular import FarFile, read_file
from beauty_mlflow.data.sources.reading import read_ahead
from beauty_mlflow.data.splits.manifest import Split
from beauty_mlflow.errors import DataError, MissingError, PictureError, TrackingError
from beauty_mlflow.jobs.evaluated_before import tables_of
from beauty_mlflow.jobs.evaluating import own_split
from beauty_mlflow.jobs.model_names import names_model
from beauty_mlflow.jobs.opening import say_notes
from beauty_mlflow.progress import console_progress
from beauty_mlflow.promotion.answers import Answers
from beauty_mlflow.tracking.model_folders import package_in
from beauty_mlflow.tracking.models import (
    Located,
    fetch_any,
    is_ours,
    locate_model,
    training_run_of,
)
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store

PART = "test"
BATCH, BATCH_BYTES = 64, 64_000_000  # pictures, and bytes of their files, that a model gets at once; one may be larger
TIMED = 20  # single pictures, for the gate's slowest_milliseconds

Said = str | PictureError  # a class's name, or why there is none
Ask = Callable[[Sequence[bytes]], list[Said]]


@dataclass(frozen=True)
class Contender:
    """A candidate or a champion.

    Args:
        store: Where it is kept.
        role: candidate or champion.
        uri: What names it.
        model: Where it is kept.
        is_ours: Whether this package logged it; to ask another one, code that came with it is run.
        training: The run that trained it; None where nobody knows, or it is gone.
        own: The split that it was trained and chosen on; None where nobody knows.
        ancestors: The splits of the trainings that its first weights come from.
    """

    store: Store
    role: str
    uri: str
    model: Located
    is_ours: bool
    training: Run | None
    own: Split | None
    ancestors: tuple[Split, ...] = ()

    @property
    def seen(self) -> frozenset[str]:
        """The sha256 of the pictures that it was trained or chosen on."""
        splits = filter(None, (self.own, *self.ancestors))
        return frozenset(digest for split in splits for digest in split.table.query("part != @PART")["sha256"])

    def answers(self, split: Split, rows: pd.DataFrame) -> tuple[Answers, str]:
        """Return its answers for rows of a split's test part, and where they come from.

        A table that an evaluation has left is read; without one the model is asked, which imports TensorFlow.

        Raises:
            DataError: A picture is missing, changed since the split was made, or has no answer.
            TrackingError: The model can't be had.
        """
        found = self._from_evaluation(split, rows)
        if found is not None:
            predicted, source = found
        else:
            predicted, source = self._asked(split, rows), "asked now"
        classes = self._classes(split, predicted)
        return Answers(np.array(rows["class"], np.str_), np.array(predicted, np.str_), classes), source

    def megabytes(self) -> float:
        """Return the size of its files in 10^6 bytes."""
        return sum(file.stat().st_size for file in self._folder.rglob("*") if file.is_file()) / 1e6

    def milliseconds(self, split: Split, rows: pd.DataFrame) -> float:
        """Return the median time for one picture, decoding included."""
        pictures, seconds = next(_batches(split, rows.head(TIMED))), []
        self._ask(pictures[:1])
        for picture in pictures:
            begun = time.perf_counter()
            self._ask([picture])
            seconds.append(time.perf_counter() - begun)
        return 1000 * median(seconds)

    def _classes(self, split: Split, predicted: Sequence[str]) -> tuple[str, ...]:
        return self.own.classes if self.own is not None else tuple(sorted({*split.classes, *predicted}))

    def _from_evaluation(self, split: Split, rows: pd.DataFrame) -> tuple[list[str], str] | None:
        if self.training is None:
            return None
        for run, table in tables_of(self.store, self.training, split, PART):
            known = dict(zip(table["path"], table["predicted"], strict=True))
            if all(path in known for path in rows["path"]):
                return [known[path] for path in rows["path"]], f"evaluated by run {run.run_id}"
        return None

    def _asked(self, split: Split, rows: pd.DataFrame) -> list[str]:
        answers: list[str] = []
        with console_progress(f"Asking the {self.role}", len(rows)) as bar:
            for pictures in one_ahead(_batches(split, rows)):
                found = self._ask(pictures)
                for path, said in zip(rows["path"].iloc[len(answers) :], found, strict=False):
                    if isinstance(said, PictureError):
                        raise DataError(f"The {self.role} has no answer for {path} ({said}): nothing can be compared.")
                    answers.append(said)
                bar.update(len(found))
        return answers

    @cached_property
    def _folder(self) -> Path:
        return fetch_any(self.store, self.model, self.uri)

    @cached_property
    def _ask(self) -> Ask:
        if not self.is_ours:
            from beauty_mlflow.tracking.foreign import load_foreign

            foreign = load_foreign(self._folder, self.uri)
            return lambda pictures: [*foreign(pictures)]
        from beauty_mlflow.serving.classifier import Classifier

        classifier = Classifier.load(package_in(self._folder, self.uri))
        return lambda pictures: [
            PictureError(answer.error or "no label") if answer.label is None else answer.label
            for answer in classifier.classify(pictures, top=1)
        ]


def contender(store: Store, role: str, uri: str, *, allow_foreign: bool) -> Contender:
    """Find a model and what it was trained on.

    Raises:
        TrackingError: There is no such model; this package hasn't logged it, and that isn't allowed; or the store
            doesn't say what it was trained on.
    """
    model = locate_model(store, uri)
    ours = is_ours(store, model, uri)
    if not ours and not allow_foreign:
        raise TrackingError(
            f"The {role} {uri} isn't a model that this package logged. With allow_foreign=true it can take part; "
            "code that came with it is run then."
        )
    training, own = _training(store, model)
    ancestors = () if own is None or training is None else tuple(_ancestors(store, training))
    return Contender(store, role, uri, model, ours, training, own, ancestors)


def _training(store: Store, model: Located) -> tuple[Run | None, Split | None]:
    """Return the run that trained a model and its split, where the model is the one that this run has logged."""
    if not model.run_id or not model.model_id:
        return None, None
    try:
        training = Run.find(store, model.run_id)
        if [str(one.model_id) for one in training.models()] != [model.model_id]:
            return None, None
        return training, own_split(training, check_pictures=False)
    except MissingError:  # it is deleted, or has no manifest
        return None, None


def _ancestors(store: Store, training: Run, known: frozenset[str] = frozenset()) -> Iterator[Split]:
    """Yield the splits of the trainings whose weights a training began with, and so on; what can't be had is said."""
    weights = training.parameters().get("weights", "")
    if training.run_id in known or not names_model(weights):
        return
    try:
        source = training_run_of(store, weights)
        yield own_split(source, check_pictures=False)
    except MissingError:
        gone = f"the first weights of run {training.run_id} come from {weights}, whose pictures nobody knows any more"
        say_notes([f"WARNING: {gone}: overlap unknown."])
        return
    yield from _ancestors(store, source, known | {training.run_id})


def _batches(split: Split, rows: pd.DataFrame) -> Iterator[list[bytes]]:
    """Yield the pictures' files in order: as many at once as ``BATCH`` and ``BATCH_BYTES`` allow, at least one."""
    batch: list[bytes] = []
    size = 0
    with read_ahead(split.folder, list(rows["path"])) as files:
        for file, path, digest in zip(files, rows["path"], rows["sha256"], strict=True):
            content = _read(file, f"{split.folder / path}", digest)
            if batch and (len(batch) == BATCH or size + len(content) > BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(content)
            size += len(content)
    if batch:
        yield batch


def _read(file: Path | FarFile, name: str, digest: str) -> bytes:
    try:
        content = read_file(file)
    except PictureError as error:
        raise DataError(f"The picture {name} can't be read: {error}. Split again.") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise DataError(f"The picture {name} has changed since the split was made. Split again.")
    return content
