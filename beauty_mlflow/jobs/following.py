"""Who follows a training: nobody, or a search that names its run, may end it, and says whether its model counts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


def _nothing(run_id: str) -> None:
    del run_id


def _go_on(epoch: int, metrics: Mapping[str, float]) -> bool:
    del epoch, metrics
    return True


def _keep(metrics: Mapping[str, float]) -> bool:
    del metrics
    return True


@dataclass(frozen=True)
class Follower:
    """What a follower wants of a training.

    Attributes:
        name: Of the training's run; empty for its own.
        tags: Of the run, from its beginning on.
        continues: The run whose state the training goes on from, as far as it is on this machine; empty for none.
        has_checked: Whether it has compared every picture of this machine with the manifest just before; it isn't done
            again then.
        started: Called with the run's id as soon as there is one.
        epoch: Called after each epoch; whether to go on.
        keeps_model: Called with the kept model's figures; whether to upload it.
    """

    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    continues: str = ""
    has_checked: bool = False
    started: Callable[[str], None] = _nothing
    epoch: Callable[[int, Mapping[str, float]], bool] = _go_on
    keeps_model: Callable[[Mapping[str, float]], bool] = _keep


NOBODY = Follower()
