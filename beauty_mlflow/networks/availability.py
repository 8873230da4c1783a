"""Which networks' ImageNet weights can be had, and from where. Imports no Keras."""

from dataclasses import dataclass

from beauty_mlflow.errors import WeightsError
from beauty_mlflow.networks.hub import PROBE_SECONDS, cached_file, is_reachable
from beauty_mlflow.networks.lite0_file import read_lite0_file
from beauty_mlflow.networks.table import NETWORKS, HubFile


@dataclass(frozen=True)
class Availability:
    """Where ImageNet weights are.

    Attributes:
        here: Networks whose weights are on this machine.
        missing: Networks whose weights would have to be downloaded.
        hub_answers: Whether they could be now; False also where nothing is missing.
        damage: What is wrong with the weights that are installed; empty where nothing is.
    """

    here: tuple[str, ...]
    missing: tuple[str, ...]
    hub_answers: bool
    damage: str


def find_weights() -> Availability:
    """Look for every network's weights; asks the hub, for five seconds at most, where some are missing."""
    damage = ""
    here: list[str] = []
    missing: dict[str, HubFile] = {}
    try:
        read_lite0_file()
        here.append("efficientnet_lite0")
    except WeightsError as error:
        damage = str(error)
    for network in NETWORKS.values():
        if network.hub and cached_file(network.hub):
            here.append(network.name)
        elif network.hub:
            missing[network.name] = network.hub
    answers = bool(missing) and is_reachable(next(iter(missing.values())).url, PROBE_SECONDS)
    return Availability(tuple(here), tuple(missing), answers, damage)
