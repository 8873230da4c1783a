"""Trials that dead workers have left RUNNING."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import optuna
from optuna.exceptions import OptunaError
from sqlalchemy.exc import SQLAlchemyError

from beauty_mlflow.errors import StorageError
from beauty_mlflow.leftovers import Leftover, Note
from beauty_mlflow.search import attempts
from beauty_mlflow.search.attempts import State
from beauty_mlflow.search.storages import Storage, reason_of
from beauty_mlflow.search.studies import IDENTITY

TRIAL = "trial without a worker"


def find(storage: Storage, note: Note) -> list[Leftover]:
    """Return the trials of our studies whose worker has died; those of which that can't be told are told to ``note``.

    Raises:
        StorageError: The storage doesn't answer.
    """
    try:
        return [one for study in _studies(storage) for one in _trials(storage, study, note)]
    except (OptunaError, SQLAlchemyError) as error:
        raise StorageError(f"The {storage.words} doesn't answer: {reason_of(error)}.") from error


def _studies(storage: Storage) -> Iterator[Any]:
    for name in optuna.study.get_all_study_names(storage.trials):
        study = optuna.load_study(study_name=name, storage=storage.trials)
        if IDENTITY in study.user_attrs:
            yield study


def _trials(storage: Storage, study: Any, note: Note) -> Iterator[Leftover]:  # noqa: ANN401 - Optuna's study
    try:
        attempts.require_noticeable(study, storage)
    except StorageError as error:
        note(str(error))
    with storage.alone_with(study.study_name):
        found = attempts.lost(study, storage)
    for trial in found:
        yield Leftover(
            TRIAL,
            f"trial {trial.number} of '{study.study_name}'",
            "let it fail; the next sweep of the study tries its values again",
            partial(_fail, storage, study, trial.number),
            since=trial.datetime_start.timestamp() if trial.datetime_start else 0,
        )


def _fail(storage: Storage, study: Any, number: int) -> bool:  # noqa: ANN401 - Optuna's study
    with storage.alone_with(study.study_name):
        if number not in [trial.number for trial in attempts.lost(study, storage)]:
            return False
        study.tell(number, state=State.FAIL, skip_if_finished=True)
    return True
