"""Every error that a user can meet, in one small tree.

``exit_status`` is the command's: 2 where the input was bad, 1 where the work itself failed.
"""

import difflib
import sys
from collections.abc import Iterable


class BeautyError(Exception):
    """Base of all our errors. The message names the thing, what was expected and what to do."""

    exit_status = 1


class InputError(BeautyError):
    """The user's input can't be used as it is."""

    exit_status = 2


class ParameterError(InputError):
    """A parameter's value is outside its limits, or two parameters contradict each other."""


class DataError(InputError):
    """A folder, table or picture isn't what was expected."""


class PictureError(DataError):
    """One picture can't be decoded; the message is the reason alone, without the path."""


class UnreachableDataError(DataError):
    """Data that lies elsewhere can't be reached or read now, whatever it is."""


class ManifestError(DataError):
    """A split manifest is damaged, or doesn't fit its pictures."""


class NetworkError(InputError):
    """An unknown network, block or depth."""


class WeightsError(InputError):
    """The wanted initial weights can't be had or don't fit."""


class ModelError(InputError):
    """A saved model is damaged, isn't safe to load, or is none of ours."""


class TrackingError(InputError):
    """The tracking server can't be reached, or doesn't have what was asked for."""


class UnreachableError(TrackingError):
    """The tracking server doesn't answer at all."""


class MissingError(TrackingError):
    """The tracking store answers, and doesn't have what was asked for, or not any more."""


class SweepError(InputError):
    """A sweep file says something that can't be, or a study was made by another one."""


class StorageError(InputError):
    """Where trials are kept can't be reached or used."""


class GateError(InputError):
    """A gate file says something that can't be."""


class CheckpointError(InputError):
    """A run can't go on, because its checkpoint is missing, damaged or another run's."""


class WorkError(BeautyError):
    """The work itself failed."""


class DivergedError(WorkError):
    """The loss became nan or infinite."""


class SearchError(WorkError):
    """A search can't go on."""


class PrunedError(BeautyError):
    """The search has no more use for this training."""


class RefusedError(BeautyError):
    """The work was done, and its answer is no: a gate wasn't passed.

    Args:
        message: Why.
        summary: What was found, as (name, value), to print even so.
    """

    exit_status = 3

    def __init__(self, message: str, summary: Iterable[tuple[str, object]] = ()) -> None:
        super().__init__(message)
        self.summary = tuple(summary)


class CacheError(WorkError):
    """The cache has no room, can't be written, or held something damaged."""


class NoRoomError(CacheError):
    """What is wanted doesn't fit in the cache beside what is in use."""


class Interrupted(BaseException):
    """The user or the system asked us to stop (Ctrl-C, SIGTERM)."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"interrupted by signal {signal_number}")
        self.exit_status = 128 + signal_number


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest of the known names, or an empty string."""
    names = list(known)
    folded = {candidate.casefold(): candidate for candidate in names}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f" Did you mean '{folded[close[0]]}'?" if close else ""


def missing_package(name: str) -> str:
    """Return what to do where this Python lacks a package that everything or the command needs."""
    return (
        f"{sys.executable} has no Python package {name}, which this needs. Take the Python that `make setup` has "
        "installed (source .venv/bin/activate), or leave out --env-manager local."
    )
