"""What the machine does while a run is at work, under MLflow's ``system/`` names."""

import os
import threading
import time
from dataclasses import dataclass
from typing import Any

import psutil

from beauty_mlflow.tracking.names import SYSTEM_PREFIX

INTERVAL_SECONDS = 10.0
MEGABYTE = 1e6


@dataclass(frozen=True)
class Sample:
    """One measurement; its step counts the samples of a run."""

    step: int
    timestamp: int  # ms since 1970
    values: dict[str, float]


class Sampler:
    """Measures in a thread of its own and keeps the samples until they are taken.

    Args:
        first_step: The first sample's step; a resumed run goes on after its last.
        interval: Seconds between two samples.
    """

    def __init__(self, first_step: int = 0, interval: float = INTERVAL_SECONDS) -> None:
        self._step = first_step
        self._interval = interval
        self._samples: list[Sample] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._measure, name="system metrics", daemon=True)
        self._received, self._sent = _network_megabytes()

    def start(self) -> None:
        """Begin to measure; the first sample is due after one interval."""
        psutil.cpu_percent()  # the first call has nothing to compare with and gives 0
        self._thread.start()

    def stop(self) -> None:
        """End the thread and take a last sample, so that a short run has one too; a second call does nothing."""
        if not self._stop.is_set():
            self._stop.set()
            self._thread.join()
            self._sample()

    def take(self) -> list[Sample]:
        """Hand over the samples collected since the last call."""
        with self._lock:
            taken, self._samples = self._samples, []
        return taken

    def put_back(self, samples: list[Sample]) -> None:
        """Keep samples that couldn't be sent for the next call of take."""
        with self._lock:
            self._samples = [*samples, *self._samples]

    def _measure(self) -> None:
        while not self._stop.wait(self._interval):
            self._sample()

    def _sample(self) -> None:
        values = {f"{SYSTEM_PREFIX}{name}": round(value, 1) for name, value in self._read().items()}
        with self._lock:
            self._samples.append(Sample(self._step, int(time.time() * 1000), values))
            self._step += 1

    def _read(self) -> dict[str, float]:
        memory, disk = psutil.virtual_memory(), psutil.disk_usage(os.sep)
        received, sent = _network_megabytes()
        return {
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / MEGABYTE,
            "system_memory_usage_percentage": memory.used / memory.total * 100,
            "disk_usage_percentage": disk.percent,
            "disk_usage_megabytes": disk.used / MEGABYTE,
            "disk_available_megabytes": disk.free / MEGABYTE,
            "network_receive_megabytes": received - self._received,
            "network_transmit_megabytes": sent - self._sent,
        }


def _network_megabytes() -> tuple[float, float]:
    counters: Any = psutil.net_io_counters()
    if counters is None:  # a sandbox without network interfaces
        return 0.0, 0.0
    return counters.bytes_recv / MEGABYTE, counters.bytes_sent / MEGABYTE
