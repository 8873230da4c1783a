"""ImageNet weights: from Keras' cache, from its hub, or from a package."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

from beauty_mlflow.errors import WeightsError
from beauty_mlflow.networks.building import trunk_of
from beauty_mlflow.networks.hub import PROBE_SECONDS, cached_file, is_reachable, keras_cache
from beauty_mlflow.networks.table import HubFile, Network
from beauty_mlflow.networks.trunks import normalize_as_imagenet

_STALL_SECONDS = 30.0  # a download that is silent for so long is given up


def load_imagenet(model: keras.Model, network: Network) -> str:
    """Set the trunk's weights and return their source, for the tag ``weights.source``.

    Raises:
        WeightsError: If they don't exist, or can't be had now; the message says how to go on.
    """
    if network.name == "efficientnet_lite0":
        from beauty_mlflow.networks.lite0_weights import load_lite0

        return load_lite0(model)
    if network.hub is None:
        raise WeightsError(
            f"{network.name} has no ImageNet weights: use weights=random, or the path of a weights file."
        )
    path = cached_file(network.hub) or _download(network.hub)
    trunk = trunk_of(model, network)
    try:
        trunk.load_weights(path)
    except Exception as error:  # h5py and Keras raise nearly anything for a damaged file
        raise WeightsError(f"{path} is damaged: remove it, so that it is downloaded again. ({error})") from error
    if network.scaling == "builtin":
        normalize_as_imagenet(trunk)
    return "imagenet (keras)"


def _download(hub: HubFile) -> Path:
    if not is_reachable(hub.url, PROBE_SECONDS):
        raise _unreachable(hub, "it doesn't answer")
    try:
        keras_cache().mkdir(parents=True, exist_ok=True)  # else Keras takes a folder that we wouldn't look into
        with _socket_timeout(_STALL_SECONDS):
            path = keras.utils.get_file(
                hub.name, hub.url, cache_subdir="models", cache_dir=str(keras_cache()), file_hash=hub.md5 or None
            )
    except Exception as error:  # Keras raises bare Exception
        raise _unreachable(hub, str(error)) from error
    return Path(path)


def _unreachable(hub: HubFile, reason: str) -> WeightsError:
    return WeightsError(
        f"The ImageNet weights can't be had from {hub.url} ({reason}). Use network=efficientnet_lite0, whose "
        f"weights are installed; weights=random; the path of a weights file; or put {hub.name} into "
        f"{keras_cache() / 'models'}."
    )


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
