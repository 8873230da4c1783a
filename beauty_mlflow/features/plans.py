"""What the cache is to keep and what that does for every training, also in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from beauty_mlflow.cache.sizes import size_text


@dataclass(frozen=True)
class Training:
    """A training to come, or several alike.

    Attributes:
        name: As the user knows it: ``blocks=3``, ``unfreeze=mixed3..mixed6``.
        limit: The highest boundary below all that trains; empty if there is none.
        times: How many of them.
    """

    name: str
    limit: str
    times: int = 1


@dataclass(frozen=True)
class Choice:
    """Where a training begins every epoch.

    Attributes:
        training: Which.
        boundary: Whose rows it reads; None: it begins with the pictures.
        seconds: What one such training takes so, without the pass that fills the cache.
        plain_seconds: What it takes with no cache.
        reason: Why it doesn't begin at its limit; empty if it does.
    """

    training: Training
    boundary: str | None
    seconds: float
    plain_seconds: float
    reason: str = ""

    @property
    def line(self) -> str:
        """Where the training begins and why, in a sentence."""
        place = f"from {self.boundary}" if self.boundary else "without the cache"
        return f"{self.training.name}: {place} ({self.reason})." if self.reason else f"{self.training.name}: {place}."


@dataclass(frozen=True)
class Plan:
    """What is worth keeping.

    Attributes:
        store: Boundaries to fill, bottom to top.
        reuse: Boundaries on disk already that some training reads, bottom to top.
        new_bytes: What the boundaries to fill take on disk.
        extract_seconds: The pass that fills them; 0 if there are none.
        views: Views of each training picture that are kept.
        choices: One a training, in the order asked.
    """

    store: tuple[str, ...]
    reuse: tuple[str, ...]
    new_bytes: int
    extract_seconds: float
    views: int
    choices: tuple[Choice, ...]

    @property
    def seconds(self) -> float:
        """All trainings, and the pass before them."""
        return self.extract_seconds + sum(choice.training.times * choice.seconds for choice in self.choices)

    @property
    def plain_seconds(self) -> float:
        """All trainings without the cache."""
        return sum(choice.training.times * choice.plain_seconds for choice in self.choices)

    def lines(self) -> list[str]:
        """Return the plan for the user, a sentence each; every training that doesn't begin at its limit is named."""
        return [*self._summary(), *(choice.line for choice in self.choices if choice.reason)]

    def _summary(self) -> list[str]:
        if not self.store and not self.reuse:
            return ["The activation cache isn't used."]
        lines = []
        if self.store:
            views = "1 view" if self.views == 1 else f"{self.views} views"
            lines.append(
                f"The activation cache gets {listed(self.store)} for {views} of each picture: "
                f"{size_text(self.new_bytes)}, filled in one pass of about {time_text(self.extract_seconds)}."
            )
        if self.reuse:
            lines.append(f"The activation cache has {listed(self.reuse)} already.")
        saved, plain = self.plain_seconds - self.seconds, time_text(self.plain_seconds)
        if saved >= 0:
            lines.append(f"That saves about {time_text(saved)} of {plain}, the pass included.")
        else:
            lines.append(f"That takes about {time_text(-saved)} more than the {plain} without it, the pass included.")
        return lines


def listed(names: Sequence[str]) -> str:
    """Return one or more names as ``a``, ``a and b`` or ``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def time_text(seconds: float) -> str:
    """Return a duration: in seconds below two minutes, in minutes below two hours, else in hours."""
    if seconds < 2 * 60:
        return f"{seconds:.0f} s"
    if seconds < 2 * 60 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
